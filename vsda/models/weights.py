"""Weights from files into a network: our own checkpoints and the authors' ADE20k file.

    checkpoint of a training run    {"network": state, ...}
    the authors' UperNet            {"state_dict": state, "meta": ...}, mmcv's layout, with names
                                    such as backbone.layers.0.blocks.1.mlp.fc1.weight

Every name in the file and every name of the network is accounted for: loaded, or left out for a
reason that is listed here. Anything else is an error, raised before the network is touched.
"""

import pickle
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from vsda.errors import WeightsError
from vsda.models.network import SegmentationNetwork
from vsda.storage import open_binary

_EXPECTED = (
    "expected a checkpoint of `vsda train` or the ADE20k UperNet file of Swin's authors;"
    " choose another file, or fetch this one again"
)
_DAMAGE = (
    # All that torch and zipfile raise for files cut at any byte or with any bit flipped.
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AssertionError,
    AttributeError,
    EOFError,
    OverflowError,
    MemoryError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_DISPENSABLE = {
    "relative_position_index": "follows from the window size",
    "attn_mask": "follows from the window size",
    "num_batches_tracked": "a counter that no layer reads",
}
"""Buffers, by the last part of their name, that may be absent, in excess or of another shape."""
_SWIN_BLOCK = re.compile(r"backbone\.layers\.(\d+)\.blocks\.(\d+)\.(.+)")
_SWIN_MERGING = re.compile(r"backbone\.layers\.(\d+)\.downsample\.(.+)")
_SWIN_PREFIXES = {
    "backbone.patch_embed.proj.": "encoder.features.0.0.",
    "backbone.patch_embed.norm.": "encoder.features.0.2.",
    "backbone.norm": "encoder.norm",
    "decode_head.": "decoder.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsReport:
    """What became of each name when a file was loaded into a network."""

    loaded: tuple[str, ...]
    """The network's names that now hold the file's values."""
    skipped: Mapping[str, str]
    """The file's names that were left out -> why."""
    missing: Mapping[str, str]
    """The network's names that keep the values they had -> why."""

    def summary(self) -> str:
        """Return one line for a log: how many were loaded, how many were not, and why."""
        parts = [f"{len(self.loaded)} loaded"]
        for verb, names in (("skipped", self.skipped), ("missing", self.missing)):
            parts += [f"{count} {verb} ({why})" for why, count in Counter(names.values()).items()]
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A tensor of a file, with the name that it has there."""

    name: str
    tensor: Tensor


def load_weights(
    network: SegmentationNetwork, place: str | Path, *, same_classes: bool = True
) -> WeightsReport:
    """Load the file at a path or URL into `network` and return what became of each name.

    A classifier for another number of classes is left out, so that the network keeps its own;
    everything else must fit.

    Args:
        network: What gets the weights.
        place: A checkpoint of ours or the authors' file.
        same_classes: False if the file's classes are known to be others: its classifier is then
            left out even where its shape would fit.

    Raises:
        VsdaError: The file cannot be read.
        WeightsError: It is damaged, of an unknown layout or of another network.

    After an error the network is as it was.
    """
    found, wanted = _read_state(place), network.state_dict()
    fitting = {
        name: item.tensor
        for name, item in found.items()
        if name in wanted
        and wanted[name].shape == item.tensor.shape
        and (same_classes or not _is_of(name, network.classifier))
    }
    left_out: dict[str, str] = {}
    misfits: list[str] = []
    for name in sorted((found.keys() | wanted.keys()) - fitting.keys()):
        got, want = found.get(name), wanted.get(name)
        if reason := _why_left_out(name, got, want, network.classifier):
            left_out[name] = reason
        else:
            misfits.append(_describe(name, got, want))
    if misfits:
        raise WeightsError(_misfit_message(place, misfits))
    network.load_state_dict({**wanted, **fitting})
    return WeightsReport(
        loaded=tuple(fitting),
        skipped={found[name].name: why for name, why in left_out.items() if name in found},
        missing={name: why for name, why in left_out.items() if name in wanted},
    )


def _read_state(place: str | Path) -> dict[str, _Found]:
    """Return the tensors of a file of either layout, under the names that the network has."""
    content = _read(place)
    if "network" in content:
        return _found(content["network"], lambda name: name, place)
    if "state_dict" in content:
        return _found(content["state_dict"], _network_name, place)
    keys = ", ".join(map(repr, list(content)[:5])) or "nothing"
    raise WeightsError(
        f"{place}: holds {keys}, but neither 'network' nor 'state_dict'; {_EXPECTED}"
    )


def _read(place: str | Path) -> dict[str, object]:
    """Return the dict that torch.save wrote to `place`; nothing in the file is executed."""
    try:
        with open_binary(place) as file:
            _check_sums(file)
            content = torch.load(file, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise WeightsError(
            f"{place}: damaged, or holds more than tensors and plain values"
            f" ({type(error).__name__}); {_EXPECTED}"
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{place}: holds a {type(content).__name__}, not a dict; {_EXPECTED}")
    return content


def _check_sums(file: IO[bytes]) -> None:
    """Compare each part of a zip file with its checksum, which torch.load does not."""
    if zipfile.is_zipfile(file):
        file.seek(0)
        if name := zipfile.ZipFile(file).testzip():
            raise zipfile.BadZipFile(f"checksum of {name}")
    file.seek(0)


def _found(
    state: object, network_name: Callable[[str], str], place: str | Path
) -> dict[str, _Found]:
    if not isinstance(state, dict) or not all(isinstance(item, Tensor) for item in state.values()):
        raise WeightsError(f"{place}: its weights are not a dict of tensors; {_EXPECTED}")
    return {network_name(name): _Found(name=name, tensor=item) for name, item in state.items()}


def _network_name(name: str) -> str:
    """Return the network's name for the authors' `name`; an unknown one comes back as it is."""
    if block := _SWIN_BLOCK.fullmatch(name):
        stage, index, rest = block.groups()
        rest = rest.replace("mlp.fc1.", "mlp.0.").replace("mlp.fc2.", "mlp.3.")
        return f"encoder.features.{2 * int(stage) + 1}.{index}.{rest}"
    if merging := _SWIN_MERGING.fullmatch(name):
        stage, rest = merging.groups()
        return f"encoder.features.{2 * int(stage) + 2}.{rest}"
    for prefix, ours in _SWIN_PREFIXES.items():
        if name.startswith(prefix):
            return ours + name.removeprefix(prefix)
    return name


def _why_left_out(
    name: str, got: _Found | None, want: Tensor | None, classifier: str
) -> str | None:
    """Return why the tensor `name` need not fit, None if it must."""
    layer, _, last = name.rpartition(".")
    if want is None and name.startswith("auxiliary_head."):
        return "the network has no auxiliary head"
    if last in _DISPENSABLE:
        return _DISPENSABLE[last]
    if got is None or want is None or layer != classifier:
        return None
    (num_got, *got_widths), (num_want, *want_widths) = got.tensor.shape, want.shape
    if got_widths != want_widths:
        return None
    if num_got == num_want:
        return "classifier of other classes"
    return f"classifier of {num_got} classes, the network has {num_want}"


def _is_of(name: str, layer: str) -> bool:
    return name.rpartition(".")[0] == layer


def _describe(name: str, got: _Found | None, want: Tensor | None) -> str:
    if got is None:
        return f"lacks {name!r}"
    if want is None:
        return f"has {got.name!r}, which the network lacks"
    return f"has {got.name!r} as {tuple(got.tensor.shape)}, the network {tuple(want.shape)}"


def _misfit_message(place: str | Path, misfits: list[str]) -> str:
    shown = "; ".join(misfits[:3])
    return (
        f"{place}: {len(misfits)} tensors do not fit the network, such as: {shown}; expected"
        " weights of a network with the same settings; change the network's settings or the file"
    )
