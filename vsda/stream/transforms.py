"""Decoded pictures to network inputs: resize, augment, project classes, normalise."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from vsda.errors import ShardError
from vsda.sample import Mask
from vsda.shards.pictures import PictureError, opened_picture
from vsda.taxonomy import ClassSet

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""ImageNet's mean of RGB in [0, 1], as the pretrained encoders expect."""
IMAGE_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """How far an image may be changed at random; see `AugmentationSettings` of the recipe."""

    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0


def decode_resized(data: bytes, size_px: int) -> Tensor:
    """Return the JPEG `data` as (3, size_px, size_px) uint8 RGB.

    The decoder itself scales down to the smallest eighth that is not below `size_px`, which is
    several times faster for large originals; the rest is an antialiased bilinear resize.

    Raises:
        ShardError: The bytes are not a whole image.
    """
    try:
        with opened_picture(data) as image:
            image.draft("RGB", (size_px, size_px))
            rgb = image.convert("RGB").resize((size_px, size_px), Image.Resampling.BILINEAR)
    except PictureError as error:
        raise ShardError(f"an image of {len(data)} bytes cannot be decoded: {error}") from error
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)


def resize_mask(mask: Mask, size_px: int) -> Mask:
    """Return `mask` as (size_px, size_px), nearest neighbour."""
    resized = Image.fromarray(mask).resize((size_px, size_px), Image.Resampling.NEAREST)
    return np.array(resized)


def project_mask(mask: Mask, classes: ClassSet) -> Tensor:
    """Return COCO ids as uint8 class indices: 0 background, 1..K in the set's order, 255 ignore."""
    return torch.from_numpy(classes.projection()[mask])


def augment(image: Tensor, change: Augmentation, generator: np.random.Generator) -> Tensor:
    """Return the (3, H, W) uint8 `image` with randomly changed brightness and colours.

    The number of draws from `generator` does not depend on the settings.
    """
    factors = generator.uniform(-1, 1, size=4)
    operations = (
        (change.brightness, functional.adjust_brightness, 1.0),
        (change.contrast, functional.adjust_contrast, 1.0),
        (change.saturation, functional.adjust_saturation, 1.0),
        (change.hue, functional.adjust_hue, 0.0),
    )
    for factor, (reach, operation, neutral) in zip(factors, operations, strict=True):
        if reach:
            image = operation(image, neutral + float(factor) * reach)
    return image


def normalise(images: Tensor) -> Tensor:
    """Return (..., 3, H, W) uint8 images as float32 with ImageNet's mean and deviation removed."""
    mean = torch.tensor(IMAGE_MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(IMAGE_STD, device=images.device).view(3, 1, 1)
    return (images.float() / 255 - mean) / std
