"""Read one frame and its mask from disk and refuse what cannot be trusted."""

import stat
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.errors import ItemError, Outcome
from vsda.sample import Mask
from vsda.shards.pictures import MAX_PICTURE_BYTES, Kind, PictureError, opened_picture
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX, remap_mask

PALETTE_MODE = "P"
_MASK_MODES = (PALETTE_MODE, "L", "LA")
_GREY_COLOUR_TYPES = (0, 4)  # of PNG
_MASK_BITS = 8
_BITS_AT = 24  # in a PNG, whose header is its first chunk


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedImage:
    """The bytes of a JPEG that is known to decode, and its size."""

    data: bytes
    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMask:
    """The values of a mask, (H, W) uint8, and the PNG's mode in Pillow's words."""

    values: Mask
    mode: str


def read_jpeg(root: Path, name: str) -> EncodedImage:
    """Return the JPEG `name` below `root` as it is, after decoding it to the end.

    Raises:
        ItemError: It cannot be read, is no JPEG, or is damaged.
    """
    data = read_file(root, name)
    image = _decode(data, name, "JPEG")
    return EncodedImage(data=data, width_px=image.width, height_px=image.height)


def read_mask(root: Path, name: str, modes: tuple[str, ...] = _MASK_MODES) -> StoredMask:
    """Return the values of the mask `name` below `root`.

    Values are those stored: palette indices, grey values, or the first band of grey with alpha.

    Args:
        root: Folder of the dataset.
        name: Path of the mask below it.
        modes: The modes, in Pillow's words, in which the dataset's masks are to be trusted.

    Raises:
        ItemError: It cannot be read, is no PNG, is damaged, or has a mode or a depth in which such
            values are not kept.
    """
    data = read_file(root, name)
    image = _decode(data, name, "PNG")
    _refuse_scaled(data, image, name)
    if image.mode not in modes:
        raise ItemError(
            Outcome.UNREADABLE,
            f"{name}: a mask in mode {image.mode}, expected one of {', '.join(modes)}",
        )
    return StoredMask(values=np.asarray(image.getchannel(0), dtype=np.uint8), mode=image.mode)


def read_file(root: Path, name: str, most_bytes: int = MAX_PICTURE_BYTES) -> bytes:
    """Return what the file `name` below `root` holds.

    Raises:
        ItemError: It cannot be read, is no regular file, or has more than `most_bytes`.
    """
    path = root / name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would keep us waiting
            raise ItemError(Outcome.UNREADABLE, f"{name}: not a regular file")
        if found.st_size > most_bytes:
            raise ItemError(
                Outcome.UNREADABLE,
                f"{name}: {found.st_size} bytes, more than the {most_bytes} that are read",
            )
        return path.read_bytes()
    except OSError as error:
        raise ItemError(Outcome.UNREADABLE, f"{name}: {error.strerror}") from error
    except ValueError as error:  # a name with a zero byte
        raise ItemError(Outcome.UNREADABLE, f"{name!r}: {error}") from error


def read_rgb(root: Path, name: str) -> NDArray[np.uint8]:
    """Return the colours (H, W, 3) of the PNG `name` below `root`, as they are stored.

    Raises:
        ItemError: It cannot be read, is no PNG, is damaged, or has other than 3 bands of 8 bits.
    """
    data = read_file(root, name)
    image = _decode(data, name, "PNG")
    if image.mode != "RGB" or data[_BITS_AT] != _MASK_BITS:
        raise ItemError(
            Outcome.UNREADABLE,
            f"{name}: a PNG of {data[_BITS_AT]} bits in mode {image.mode}, expected 8 bits in RGB",
        )
    return np.asarray(image, dtype=np.uint8)


def check_sizes(image: EncodedImage, mask: Mask, name: str) -> None:
    """Raise ItemError if the mask `name` does not have the size of its frame."""
    height_px, width_px = mask.shape
    if (width_px, height_px) != (image.width_px, image.height_px):
        raise ItemError(
            Outcome.SIZE_MISMATCH,
            f"{name}: the mask is {width_px}x{height_px} pixels, its frame "
            f"{image.width_px}x{image.height_px}",
        )


def remap_named(mask: Mask, table: Mapping[int, int], where: str) -> Mask:
    """Return `mask` in COCO ids; an unknown value is an ItemError that starts with `where`."""
    try:
        return remap_mask(mask, table)
    except ItemError as error:
        raise ItemError(error.outcome, f"{where}: {error}") from error


def present_classes(seg: Mask) -> tuple[int, ...]:
    """Return the COCO ids in `seg`, ascending, without background and ignore."""
    found = np.flatnonzero(np.bincount(seg.ravel())).tolist()
    return tuple(value for value in found if value not in {BACKGROUND_ID, IGNORE_INDEX})


def _refuse_scaled(data: bytes, image: Image.Image, name: str) -> None:
    """Raise ItemError where Pillow has scaled grey values to 8 bits, as from 1 to 17 or 255."""
    bits, colour_type = data[_BITS_AT], data[_BITS_AT + 1]
    is_kept = bits == _MASK_BITS or image.mode not in {"1", "L", "LA"}
    if colour_type in _GREY_COLOUR_TYPES and not is_kept:
        raise ItemError(
            Outcome.UNREADABLE,
            f"{name}: a grey mask of {bits} bits, whose values are not kept when it is read; "
            f"expected {_MASK_BITS} bits, or a palette of any depth",
        )


def _decode(data: bytes, name: str, kind: Kind) -> Image.Image:
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # about odd Exif tags and the like
            opened_picture(data, kind) as image,
        ):
            image.load()
            return image
    except PictureError as error:
        raise ItemError(Outcome.UNREADABLE, f"{name}: not a whole {kind}: {error}") from error
