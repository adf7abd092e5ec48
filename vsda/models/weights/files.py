"""Tensors of a file by name: what torch.save wrote, zip or older, and safetensors.

Of our own checkpoints it is the averaged weights where there are any: those that a run judges and
exports.

Nothing in a file is executed. What torch.load lets pass is refused here: parts that fail their
checksum, compressed parts, and tensors that claim more values than the file holds.
"""

import json
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vsda.errors import WeightsError
from vsda.models.weights.piece import Piece, shown
from vsda.storage import local_path, open_binary

DAMAGE = (
    # All that torch, zipfile and safetensors raise for files cut at any byte or with any bit
    # flipped.
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
    SafetensorError,
)
EXPECTED = (
    "expected a checkpoint of `vsda train` or one of the published layouts; choose another file,"
    " or fetch this one again"
)
OUR_WRAPPER = "network"
OUR_RECIPE = "recipe"
OUR_VERSION = "vsda"
"""In the metadata of safetensors: which version of this program wrote them."""
_OUR_AVERAGE = "ema"
_LONGEST_HEADER_BYTES = 100_000_000
"""Of safetensors, by their definition."""
_WRAPPERS = (OUR_WRAPPER, "state_dict", "model")
"""Where files keep their weights: ours; mmcv's, mmengine's and timm's; Swin's authors'."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsFile:
    """The tensors of a file."""

    wrapper: str | None
    """The key of the file's dict that held them; None where they lay open."""
    pieces: Mapping[str, Piece]
    recipe: Mapping[str, object] = field(default_factory=dict)
    """What a file of ours was trained with; empty where it does not say."""
    is_average: bool = False
    """Whether these are the averaged weights of a checkpoint of ours."""


def read_file(place: str | Path) -> WeightsFile:
    """Return the tensors of the file at a path or URL, as yet unread where the format allows it.

    Raises:
        VsdaError: There is no such file.
        WeightsError: It is damaged, or holds no tensors by name.
    """
    try:
        with open_binary(place) as file:
            if _is_safetensors(file):
                metadata = _metadata(file)
                pieces = _not_empty(_read_safetensors(file, place), place)
                return WeightsFile(
                    wrapper=OUR_WRAPPER if OUR_VERSION in metadata else None,
                    pieces=pieces,
                    recipe=_recipe_in(metadata),
                )
            content = read_saved(file, local_path(place))
    except DAMAGE as error:
        raise WeightsError(
            f"{place}: damaged, or holds more than tensors and plain values"
            f" ({type(error).__name__}); {EXPECTED}"
        ) from error
    return _unwrap(content, place)


def _is_safetensors(file: IO[bytes]) -> bool:
    """Return whether the file starts as safetensors do: 8 bytes of a length, then JSON."""
    head = file.read(9)
    file.seek(0)
    return head[8:] == b"{"


def _metadata(file: IO[bytes]) -> dict[str, object]:
    """Return what the header of safetensors says beside the tensors; `file` stays at its start."""
    length = int.from_bytes(file.read(8), "little")
    if length > _LONGEST_HEADER_BYTES:
        raise ValueError("a header that is longer than any")
    metadata = json.loads(file.read(length)).get("__metadata__", {})
    file.seek(0)
    return metadata if isinstance(metadata, dict) else {}


def _recipe_in(metadata: Mapping[str, object]) -> dict[str, object]:
    text = metadata.get(OUR_RECIPE)
    if OUR_VERSION not in metadata or not isinstance(text, str):
        return {}
    recipe = json.loads(text)
    return recipe if isinstance(recipe, dict) else {}


def _read_safetensors(file: IO[bytes], place: str | Path) -> dict[str, Piece]:
    path = local_path(place)
    if path is None:
        tensors = safetensors.torch.load(file.read())
        return {name: _piece(name, tensor) for name, tensor in tensors.items()}
    # The package checks that the header's tensors cover the file exactly, and maps the file.
    opened: Any = safe_open(path, framework="pt")
    return {name: _mapped_piece(opened, name) for name in opened.keys()}  # noqa: SIM118  (no dict)


def _mapped_piece(opened: Any, name: str) -> Piece:
    part = opened.get_slice(name)
    return Piece(
        names=(name,),
        shape=tuple(part.get_shape()),
        is_floating=part.get_dtype().startswith(("F", "BF")),
        read=partial(opened.get_tensor, name),
    )


def read_saved(file: IO[bytes], mapped: Path | None = None) -> object:
    """Return what torch.save wrote.

    Args:
        file: Opened for reading, able to seek.
        mapped: Its path, for the values of a zip to stay in the file until they are needed.

    Raises:
        One of `DAMAGE`.
    """
    is_zip = zipfile.is_zipfile(file)
    if is_zip:
        _check_zip(file)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about pickles that are unusual or damaged
        if is_zip and mapped is not None:
            return torch.load(mapped, map_location="cpu", weights_only=True, mmap=True)
        return torch.load(file, map_location="cpu", weights_only=True)


def _check_zip(file: IO[bytes]) -> None:
    """Compare each part with its checksum, having seen that they are no more than the file."""
    size_bytes = file.seek(0, 2)
    archive = zipfile.ZipFile(file)
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise zipfile.BadZipFile("compressed parts, which torch.save does not write")
    if sum(part.file_size for part in parts) > size_bytes:
        raise zipfile.BadZipFile("parts that overlap")
    if name := archive.testzip():
        raise zipfile.BadZipFile(f"checksum of {shown(name)}")


def _unwrap(content: object, place: str | Path) -> WeightsFile:
    if not isinstance(content, dict):
        raise WeightsError(f"{place}: holds a {type(content).__name__}, not a dict; {EXPECTED}")
    wrapper = next((key for key in _WRAPPERS if key in content), None)
    if wrapper is None and not any(isinstance(value, Tensor) for value in content.values()):
        keys = ", ".join(map(_shown_key, list(content)[:5])) or "nothing"
        wanted = ", ".join(map(repr, _WRAPPERS))
        raise WeightsError(
            f"{place}: holds {keys}, but no weights, open or under {wanted}; {EXPECTED}"
        )
    state = content if wrapper is None else content[wrapper]
    is_ours = wrapper == OUR_WRAPPER
    recipe = content.get(OUR_RECIPE) if is_ours else None
    average = content.get(_OUR_AVERAGE) if is_ours else None
    return WeightsFile(
        wrapper=wrapper,
        pieces=_not_empty(_pieces(average or state, place), place),
        recipe=recipe if isinstance(recipe, dict) else {},
        is_average=bool(average),
    )


def _shown_key(key: object) -> str:
    return shown(key) if isinstance(key, str) else f"a key of type {type(key).__name__}"


def _not_empty(pieces: dict[str, Piece], place: str | Path) -> dict[str, Piece]:
    if not pieces:
        raise WeightsError(f"{place}: holds no tensors; {EXPECTED}")
    return pieces


def _pieces(state: object, place: str | Path) -> dict[str, Piece]:
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(item, Tensor) for name, item in state.items()
    ):
        raise WeightsError(f"{place}: its weights are not a dict of tensors; {EXPECTED}")
    for name, tensor in state.items():
        if not _is_plain(tensor):
            raise WeightsError(
                f"{place}: {shown(name)} is sparse, or holds fewer values than it claims;"
                f" {EXPECTED}"
            )
    return {name: _piece(name, tensor) for name, tensor in state.items()}


def _is_plain(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _piece(name: str, tensor: Tensor) -> Piece:
    return Piece(
        names=(name,),
        shape=tuple(tensor.shape),
        is_floating=tensor.is_floating_point(),
        read=lambda: tensor,
    )
