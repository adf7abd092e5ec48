"""The pixels of a ground truth of FBMS: codes in a PPM or PGM, which become region numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

from vsda.datasets.frames import EncodedImage, read_file
from vsda.errors import ItemError, Outcome
from vsda.sample import Mask
from vsda.shards.pictures import PictureError, opened_picture
from vsda.taxonomy import IGNORE_INDEX

_KEPT = (255, 65535)
"""Largest values of a PPM with which Pillow gives the stored values; it scales those of others."""
_MAX_SLOW_PIXELS = 1 << 22
"""Of a PPM that Pillow reads value by value: text, or 16 bits of colour; five times FBMS's most."""
_MAX_COMMENTS = 1000
"""In a PPM of text; each one makes Pillow copy the rest of its megabyte."""
_MAX_SHOWN = 3
_CODE_OF_BANDS = np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)


def read_regions(
    root: Path,
    name: str,
    image: EncodedImage,
    codes: Sequence[int],
    *,
    unlisted_is_ignore: bool = False,
) -> Mask:
    """Return the region number of every pixel of the ground truth `name` below `root`, (H, W).

    Args:
        root: Folder of the dataset.
        name: A PPM (code R * 65536 + G * 256 + B) or PGM (its grey value), binary or text.
        image: Its frame; a ground truth of another size is not decoded.
        codes: The code of every region, by number.
        unlisted_is_ignore: Whether other codes become 255 rather than an error.

    Raises:
        ItemError: It cannot be read, is damaged, has another size, or has a code that is not in
            `codes`.
    """
    found = _read_codes(root, name, image)
    order = np.argsort(np.asarray(codes))
    known = np.asarray(codes, dtype=np.uint32)[order]
    place = np.minimum(np.searchsorted(known, found), len(known) - 1)
    is_listed = known[place] == found
    if not unlisted_is_ignore and not is_listed.all():
        _refuse(name, found[~is_listed], codes)
    regions = order.astype(np.uint8)[place]
    regions[~is_listed] = IGNORE_INDEX
    return regions


def _refuse(name: str, unlisted: NDArray[np.uint32], codes: Sequence[int]) -> None:
    values = np.unique(unlisted).tolist()
    shown = ", ".join(map(str, values[:_MAX_SHOWN])) + (", ..." if values[_MAX_SHOWN:] else "")
    raise ItemError(
        Outcome.UNKNOWN_ID,
        f"{name}: {unlisted.size} pixels have the code {shown}, which its Def.dat does not list; "
        f"listed: {', '.join(map(str, codes))}",
    )


def _read_codes(root: Path, name: str, image: EncodedImage) -> NDArray[np.uint32]:
    data = read_file(root, name)
    try:
        with opened_picture(data, "PPM") as picture:
            _check_header(picture, data, name, image)
            picture.load()
            values = np.asarray(picture).astype(np.uint32)
    except PictureError as error:
        raise ItemError(Outcome.UNREADABLE, f"{name}: not a whole PPM or PGM: {error}") from error
    if values.ndim == 2:
        return values
    return np.asarray(values @ _CODE_OF_BANDS, dtype=np.uint32)


def _check_header(picture: ImageFile, data: bytes, name: str, image: EncodedImage) -> None:
    """Raise where decoding would give other values than those stored, or take too long."""
    if picture.size != (image.width_px, image.height_px):
        raise ItemError(
            Outcome.SIZE_MISMATCH,
            f"{name}: the ground truth is {picture.width}x{picture.height} pixels, its frame "
            f"{image.width_px}x{image.height_px}",
        )
    codec, _, _, arguments = picture.tile[0]
    if codec == "raw":
        return
    largest = arguments[1] if isinstance(arguments, tuple) else None
    if largest not in _KEPT:
        raise PictureError(f"its values go up to {largest}, expected one of {_KEPT}")
    if picture.width * picture.height > _MAX_SLOW_PIXELS:
        raise PictureError(
            f"{picture.width}x{picture.height} pixels as text or of 48 bits, more than the "
            f"{_MAX_SLOW_PIXELS} that are read"
        )
    if codec == "ppm_plain" and data.count(b"#") > _MAX_COMMENTS:
        raise PictureError(f"more than {_MAX_COMMENTS} comments")
