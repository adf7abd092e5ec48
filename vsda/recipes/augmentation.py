"""Random changes of pictures in training: the table [augmentation] of pipelines/train/*.toml."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from vsda.recipes.load import Settings
from vsda.recipes.numbers import Share

Stops = Annotated[float, Field(ge=0, le=16)]
"""Factors of two."""


class AugmentationSettings(Settings):
    """Random changes of pictures, as they are usual in the field.

    Geometry (`flip`, `resize`) goes for images and video frames alike, so that it cannot tell the
    domains apart; a clip is changed as a whole. Colours and artefacts are those of labelled
    pictures alone: what has no labels only serves to tell what videos look like. The paper states
    none; the recipes of its rows switch all of it off.

    Artefacts are what video has and photographs lack. Each has a largest strength, 0 by default,
    and occurs in a sample with `artefact_probability`, its strength drawn evenly up to the largest.
    They come in the order in which light goes: motion and defocus, gain, cast and falloff, noise,
    clipping, shrinking, compression; see `vsda/stream/artefacts.py`.
    """

    flip: bool = True
    """Mirror left to right, half of the time."""
    resize: tuple[Annotated[float, Field(gt=0, le=16)], Annotated[float, Field(gt=0, le=16)]] = (
        0.5,
        2.0,
    )
    """The shorter side is scaled to `size_px` times a factor from this range, the aspect ratio
    kept, and a random square of `size_px` cut out; what lies outside of the picture is grey and has
    no label. (1, 1) squeezes the whole picture into the square instead, as prediction does."""
    max_class_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Squares with a larger share of one class are drawn again, up to ten times; 1 takes all."""
    brightness: Share = 0.125
    """Factor drawn from [1 - b, 1 + b]; the same for contrast and saturation."""
    contrast: Share = 0.5
    saturation: Share = 0.5
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """Shift drawn from [-h, h], as a share of the hue circle."""
    artefact_probability: Share = 0.5
    """Of each artefact by itself."""
    gain_stops: Stops = 0.0
    """Brightness in linear light times 2**u, u from [-g, g / 4]: video rather lacks light."""
    cast_stops: Stops = 0.0
    """Red over blue in linear light times 2**u, u from [-c, c]; green stays."""
    falloff_stops: Stops = 0.0
    """Brightness in linear light falls by up to so much from corner to corner, in a random
    direction; the middle of the picture stays."""
    noise: Share = 0.0
    """Deviation of a white pixel in linear light, as a share of white. The variance falls with the
    light, as that of counted light does, so that dark parts are the noisier ones to look at."""
    defocus_px: Annotated[float, Field(ge=0, le=64)] = 0.0
    """Deviation of a Gaussian, in pixels of the square that the network sees."""
    motion_px: Annotated[float, Field(ge=0, le=256)] = 0.0
    """Length of the line in a random direction that each point becomes; in the same pixels."""
    shrink: Annotated[float, Field(ge=1, le=64)] = 1.0
    """Scaled down by a factor from [1, s], and up again; 1 is off."""
    compression: Annotated[int, Field(ge=0, le=99)] = 0
    """JPEG of a quality from [100 - c, 100]."""

    @model_validator(mode="after")
    def _range_ascends(self) -> Self:
        low, high = self.resize
        if low > high:
            raise ValueError(f"resize is ({low}, {high}), expected the smaller factor first")
        return self
