"""One image of somebody's folder with its mask, as a sample."""

import io
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vsda.datasets.folder.classes import is_coloured, remap_colours
from vsda.datasets.folder.options import JPEG_QUALITY
from vsda.datasets.folder.walk import split_ending
from vsda.datasets.frames import (
    EncodedImage,
    check_sizes,
    present_classes,
    read_file,
    read_jpeg,
    read_mask,
    read_rgb,
    remap_named,
)
from vsda.datasets.listing import Item, Source, Unit
from vsda.errors import ItemError, Outcome
from vsda.sample import FrameFacts, Mask, Sample
from vsda.shards.pictures import Kind, PictureError, num_bits, opened_picture

JPEG_ENDINGS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
ENCODED_ENDINGS = frozenset(
    {".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pnm"}
)
"""Of pictures that become JPEGs; one that holds several is refused, not cut to its first."""
OBJECTS = b"values are objects of the sequence"
"""The annotation of an item whose mask also goes to `inst.png`."""

_KINDS: tuple[Kind, ...] = ("PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "PBM")
_MAX_BITS = 8
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
_ORIENTATION = 0x0112  # the Exif tag
_UPRIGHT = 1
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by the value of its tag."""


def image_sample(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Yield an image with what its mask says, nothing for a still image without a chosen class.

    Raises:
        ItemError: The image or the mask is broken, or they do not fit each other.
    """
    image = read_image(source.root, item.image)
    labels = _labels(source.root, item.mask, unit)
    _check_sizes(source.root, item, image, labels)
    classes = () if labels.seg is None else present_classes(labels.seg)
    if labels.seg is not None and not classes and unit.sequence is None:
        return
    has_objects = unit.table is None or item.annotation == OBJECTS
    yield Sample(
        key=item.key,
        jpg=image.data,
        seg=labels.seg,
        inst=labels.stored if has_objects else None,
        facts=FrameFacts(
            dataset=source.dataset,
            split=source.split,
            sequence=unit.sequence,
            frame=item.frame,
            frame_index=item.frame_index,
            width_px=image.width_px,
            height_px=image.height_px,
            labelled=labels.seg is not None,
            classes=classes,
        ),
    )


def classes_in_mask(source: Source, unit: Unit, item: Item) -> tuple[int, ...]:
    """Return the chosen classes in an item's mask; see `Dataset.classes_of`."""
    seg = _labels(source.root, item.mask, unit).seg
    return () if seg is None else present_classes(seg)


def read_image(root: Path, name: str) -> EncodedImage:
    """Return an image as a JPEG that is shown as it is stored.

    A JPEG is kept byte for byte. One whose Exif data says that it is to be turned is turned and
    encoded anew: some readers heed that and others do not, and a mask fits only one of them.

    Raises:
        ItemError: It cannot be read, is damaged, too large or an animation, or has colours of more
            than 8 bits, which nobody can show without a choice.
    """
    if split_ending(name)[1] not in JPEG_ENDINGS:
        return _encoded(_decode(read_file(root, name), name))
    image = read_jpeg(root, name)
    turn = orientation(image.data)
    if turn == _UPRIGHT:
        return image
    with opened_picture(image.data, "JPEG") as stored:
        return _encoded(stored.transpose(_TURNS[turn]))


def orientation(data: bytes) -> int:
    """Return what the Exif data of a JPEG says of how to turn it; 1 for not at all."""
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # about damaged tags
            opened_picture(data, "JPEG") as image,
        ):
            return _orientation(image)
    except PictureError:  # damaged Exif data; the picture itself is another matter
        return _UPRIGHT


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(_ORIENTATION)
    return value if value in _TURNS else _UPRIGHT


def _decode(data: bytes, name: str) -> Image.Image:
    """Return a picture that is no JPEG in RGB, turned as its Exif data says."""
    try:
        with warnings.catch_warnings(action="ignore"), opened_picture(data, *_KINDS) as image:
            _refuse(image, num_bits(image, data))
            image.load()
            turn = _orientation(image)
            return (image if turn == _UPRIGHT else image.transpose(_TURNS[turn])).convert("RGB")
    except (PictureError, TypeError) as error:  # a TIFF's tag of another type than Pillow expects
        raise ItemError(
            Outcome.UNREADABLE, f"{name}: cannot be read as a picture: {error}"
        ) from error


def _refuse(image: Image.Image, bits: int) -> None:
    if bits > _MAX_BITS:
        raise PictureError(f"{bits} bits a colour; convert it to {_MAX_BITS}")
    if image.mode not in _MODES:
        raise PictureError(f"its mode is {image.mode}; convert it to 8 bits a colour")


def _encoded(image: Image.Image) -> EncodedImage:
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=JPEG_QUALITY)
    return EncodedImage(data=data.getvalue(), width_px=image.width, height_px=image.height)


@dataclass(frozen=True, slots=True)
class _Labels:
    """What a mask holds: its own values unless they are colours, and the labels if it has any."""

    stored: Mask | None
    seg: Mask | None


def _labels(root: Path, name: str | None, unit: Unit) -> _Labels:
    if name is None:
        return _Labels(None, None)
    if unit.table is None:
        return _Labels(read_mask(root, name).values, None)
    if is_coloured(unit.table):
        return _Labels(None, remap_colours(read_rgb(root, name), unit.table, name))
    where = name if unit.sequence is None else f"{name}: sequence {unit.sequence!r}"
    stored = read_mask(root, name).values
    return _Labels(stored, remap_named(stored, unit.table, where))


def _check_sizes(root: Path, item: Item, image: EncodedImage, labels: _Labels) -> None:
    mask = labels.stored if labels.seg is None else labels.seg
    if mask is None:
        return
    try:
        check_sizes(image, mask, item.mask or "")
    except ItemError as error:
        is_swapped = mask.shape == (image.width_px, image.height_px)
        if is_swapped and orientation(_start(root, item.image)) != _UPRIGHT:
            hint = "its Exif data turns the image; turn the mask too, or take the tag away"
            raise ItemError(error.outcome, f"{error}: {hint}") from error
        raise


def _start(root: Path, name: str) -> bytes:
    return read_file(root, name) if split_ending(name)[1] in JPEG_ENDINGS else b""


def num_turned(root: Path, names: Iterable[str]) -> int:
    """Return how many of some JPEGs have Exif data that turns them."""
    found = 0
    for name in names:
        try:
            with (root / name).open("rb") as file:
                found += orientation(file.read(1 << 16)) != _UPRIGHT
        except OSError:
            continue
    return found
