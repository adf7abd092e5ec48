"""A network's weights as safetensors, which `--init` takes back with their classifier."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from vsda.evaluation.trained import TrainedNetwork
from vsda.export.facts import ExportError, facts_of
from vsda.storage import atomic_file

_LENGTH = struct.Struct("<Q")
_ALIGNED_BYTES = 8


def write_tensors(trained: TrainedNetwork, out: Path) -> None:
    """Write the network's state under its own names, with what `facts_of` says as metadata.

    Raises:
        ExportError: What was written cannot be read back, bit for bit; nothing is left then.
    """
    state = {name: tensor.contiguous() for name, tensor in trained.network.state_dict().items()}
    content = sorted_header(safetensors.torch.save(state, facts_of(trained) | {"format": "pt"}))
    with atomic_file(out) as file:
        file.write(content)
        file.flush()
        _compare(state, safetensors.torch.load_file(file.name), out)


def sorted_header(content: bytes) -> bytes:
    """Return a safetensors file with its metadata in order, which the library shuffles.

    Same weights, same bytes. Offsets count from the end of the header, so they stay.
    """
    (length,) = _LENGTH.unpack_from(content)
    start = _LENGTH.size + length
    header = json.loads(content[_LENGTH.size : start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    # The metadata come first, as in the library's own files; the tensors keep their order.
    ordered = {"__metadata__": header.pop("__metadata__")} | header
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNED_BYTES)
    return _LENGTH.pack(len(text)) + text + content[start:]


def _compare(state: Mapping[str, Tensor], found: Mapping[str, Tensor], out: Path) -> None:
    other = [
        name
        for name in state.keys() | found.keys()
        if name not in state or name not in found or not torch.equal(state[name], found[name])
    ]
    if other:
        raise ExportError(
            f"{out}: {sorted(other)[0]} was read back as something else; check the disk, and "
            "export again"
        )
