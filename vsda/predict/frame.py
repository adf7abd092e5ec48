"""The values that travel from a source through the network to the files."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from torch import Tensor

from vsda.sample import Mask
from vsda.shards.pictures import opened_picture
from vsda.video.pyav import Rgb


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """What becomes one overlay video, one folder of masks and so on.

    Attributes:
        name: Its name in the output folder, a path without an ending.
        source: Where it comes from, for messages and the record.
        time_base: Seconds per unit of the frames' times.
        rate_fps: About how many frames it has in a second, for the encoder.
        pixel_aspect: Width of a pixel divided by its height, as shown.
        sound: The file whose sound fits the frames' times; None for none.
        is_still: Its pictures have nothing to do with each other: each is a clip by itself.
    """

    name: str
    source: str
    time_base: Fraction
    rate_fps: Fraction
    pixel_aspect: Fraction = Fraction(1)
    sound: Path | None = None
    is_still: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One frame on its way to the network.

    Attributes:
        video: What it belongs to.
        place: Counted from 0 over the video's frames that are predicted.
        name: Of its files, without an ending.
        image_id: Its number in COCO's files.
        picture: (H, W, 3) as shown, or a JPEG of that.
        size_px: Its height and width.
        squeezed: (3, S, S) uint8, what the network sees.
        start: When it is shown, in units of the video's time base.
        duration: How long; 0 where nobody knows.
    """

    video: Video
    place: int
    name: str
    image_id: int
    picture: Rgb | bytes
    size_px: tuple[int, int]
    squeezed: Tensor
    start: int
    duration: int

    def rgb(self) -> Rgb:
        """Return the colours, (H, W, 3)."""
        if not isinstance(self.picture, bytes):
            return self.picture
        with opened_picture(self.picture, "JPEG") as image:
            return np.asarray(image.convert("RGB"))


@dataclass(frozen=True, slots=True)
class Ending:
    """After the last frame of a video.

    Attributes:
        video: Which.
        damage: Why it ends before its end; None where it is whole.
    """

    video: Video
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A frame and its (H, W) class indices: 0 background, 1..K the run's classes."""

    frame: Frame
    classes: Mask
