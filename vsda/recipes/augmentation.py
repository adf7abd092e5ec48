"""Random changes of pictures in training: the table [augmentation] of pipelines/train/*.toml."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from vsda.recipes.load import Settings
from vsda.recipes.numbers import Share


class AugmentationSettings(Settings):
    """Random changes of pictures, as they are usual in the field.

    Geometry (`flip`, `resize`) goes for images and video frames alike, so that it cannot tell the
    domains apart; a clip is changed as a whole. Colours are those of labelled pictures alone: what
    has no labels only serves to tell what videos look like. The paper states none; the recipes of
    its rows switch all of it off.
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

    @model_validator(mode="after")
    def _range_ascends(self) -> Self:
        low, high = self.resize
        if low > high:
            raise ValueError(f"resize is ({low}, {high}), expected the smaller factor first")
        return self
