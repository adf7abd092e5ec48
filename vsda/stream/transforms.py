"""Encoded pictures and masks to network inputs: decode, resize, project, augment, normalise."""

from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from vsda.errors import ShardError
from vsda.recipes.augmentation import AugmentationSettings
from vsda.sample import Mask
from vsda.shards.pictures import PictureError, opened_picture
from vsda.stream.artefacts import Artefacts, Pixels
from vsda.stream.geometry import View, Window, fill_outside, looked_up, pixels_of
from vsda.stream.plain_jpeg import decode_plain
from vsda.taxonomy import IGNORE_INDEX

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""ImageNet's mean of RGB in [0, 1], as the pretrained encoders expect."""
IMAGE_STD = (0.229, 0.224, 0.225)
GREY = np.array([round(255 * mean) for mean in IMAGE_MEAN], dtype=np.uint8)
"""What lies outside of a picture: its mean colour, 0 after `normalise`."""

Colours = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """How far an image may be changed at random; see `AugmentationSettings` of the recipe."""

    flip: bool = False
    resize: tuple[float, float] = (1.0, 1.0)
    max_class_share: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    artefacts: Artefacts = field(default_factory=Artefacts)

    @property
    def moves(self) -> bool:
        """Tell whether squares are cut out of pictures, instead of squeezing them as a whole."""
        return self.resize != (1.0, 1.0)

    @property
    def colours(self) -> bool:
        """Tell whether colours change."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))

    @property
    def is_random(self) -> bool:
        """Tell whether geometry or colours change."""
        return self.flip or self.moves or self.colours

    @classmethod
    def of(cls, settings: AugmentationSettings) -> Self:
        """Return what the recipe says."""
        values = settings.model_dump()
        artefacts = {each.name: values.pop(each.name) for each in fields(Artefacts)}
        return cls(**values, artefacts=Artefacts(**artefacts))

    def of_geometry(self) -> "Augmentation":
        """Return the same changes of geometry alone."""
        return Augmentation(
            flip=self.flip, resize=self.resize, max_class_share=self.max_class_share
        )


def decode_resized(data: bytes, size_px: int) -> Tensor:
    """Return the picture `data` as (3, size_px, size_px) uint8 RGB, channels last in memory.

    Raises:
        ShardError: The bytes are not a whole image.
    """
    pixels = np.empty((size_px, size_px, 3), dtype=np.uint8)
    decode_picture(data, View(), pixels)
    return torch.from_numpy(pixels).permute(2, 0, 1)


def resized(picture: Pixels, size_px: int) -> Tensor:
    """Return `picture`, (H, W, 3) RGB, as `decode_resized` returns one that it decodes whole."""
    pixels = np.empty((size_px, size_px, 3), dtype=np.uint8)
    _squeeze(picture, View(), pixels)
    return torch.from_numpy(pixels).permute(2, 0, 1)


def decode_picture(data: bytes, view: View, out: Pixels) -> Window:
    """Write what `view` shows of the picture `data` into `out`; return the window.

    The decoder itself scales down to the smallest eighth that is not below the size that the whole
    picture has in the view, which is several times faster for large originals; the rest is an
    antialiased bilinear resize. What lies outside of the picture becomes `GREY`.

    Args:
        data: A whole file.
        view: Of the picture.
        out: A contiguous (S, S, 3) RGB.

    Raises:
        ShardError: The bytes are not a whole image.
    """
    size_px = len(out)
    if view.square is None and (plain := decode_plain(data, size_px, out)) is not None:
        _squeeze(plain, view, out)
        return view.window((plain.shape[1], plain.shape[0]), size_px)
    try:
        with opened_picture(data) as image:
            window = view.window(image.size, size_px)
            drafted = image.draft("RGB", window.scaled_px)
            # A decoder that scales rounds sides up. A whole picture is squeezed with what it adds.
            whole = drafted[1][2:] if drafted and view.square else image.size
            rgb = image if image.mode == "RGB" else image.convert("RGB")
            if view.square is None:
                _squeeze(np.array(rgb), view, out)
                return window
            seen = window.cut_out(rgb, whole, Image.Resampling.BILINEAR)
            out[window.seen] = pixels_of(seen)
    except PictureError as error:
        raise ShardError(f"an image of {len(data)} bytes cannot be decoded: {error}") from error
    fill_outside(out, window, GREY)
    return window


def _squeeze(picture: Pixels, view: View, out: Pixels) -> None:
    """Write a whole picture (H, W, 3) into `out`, (S, S, 3), by antialiased bilinear resizing.

    torch's kernel takes a third of the time of Pillow's, from which it differs by a grey level at
    most. Pillow's cuts squares out, as torch's knows no boxes between pixels.
    """
    if picture.shape != out.shape:
        planes = torch.from_numpy(picture).permute(2, 0, 1)[None]
        squeezed = torch.nn.functional.interpolate(
            planes, size=out.shape[:2], mode="bilinear", antialias=True, align_corners=False
        )
        picture = squeezed[0].permute(1, 2, 0).numpy()
    if view.mirrored:
        out[:] = picture[:, ::-1]
    elif picture is not out:
        out[:] = picture


def show_mask(mask: Mask, view: View, classes: bytes, out: Pixels) -> None:
    """Write the classes that `view` shows of a `mask` into `out`, (S, S), nearest neighbour.

    Args:
        mask: COCO ids, (H, W).
        view: Of its picture, too.
        classes: The class index of each of the 256 values: `ClassSet.projection` as bytes.
        out: What lies outside of the picture becomes `IGNORE_INDEX`.
    """
    window = view.window((mask.shape[1], mask.shape[0]), len(out))
    out[window.seen] = looked_up(window.labels(mask), classes)
    fill_outside(out, window, IGNORE_INDEX)


def draw_colours(generator: np.random.Generator) -> Colours:
    """Return (4,) draws from [-1, 1], as many whatever the settings are."""
    return generator.uniform(-1, 1, size=4)


def augment(image: Tensor, change: Augmentation, colours: Colours) -> Tensor:
    """Return the ([T,] 3, H, W) uint8 `image` with changed brightness and colours.

    Args:
        image: A picture, or a clip that changes as a whole.
        change: How far it may change.
        colours: How far it does, as a share of that: from `draw_colours`.
    """
    operations = (
        (change.brightness, functional.adjust_brightness, 1.0),
        (change.contrast, functional.adjust_contrast, 1.0),
        (change.saturation, functional.adjust_saturation, 1.0),
        (change.hue, functional.adjust_hue, 0.0),
    )
    for colour, (reach, operation, neutral) in zip(colours, operations, strict=True):
        if reach:
            image = operation(image, neutral + float(colour) * reach)
    return image


def normalise(images: Tensor) -> Tensor:
    """Return (..., 3, H, W) uint8 images as float32 with ImageNet's mean and deviation removed.

    The result is contiguous, whatever the layout of `images`: it is made on the device anyway.
    """
    mean = torch.tensor(IMAGE_MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(IMAGE_STD, device=images.device).view(3, 1, 1)
    floats = images.to(torch.float32, memory_format=torch.contiguous_format)
    return (floats / 255 - mean) / std
