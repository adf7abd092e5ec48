"""Which part of a picture is seen: a random square of it, mirrored or not.

It is drawn once for a sample, in numbers without pixels. So it shows the same part of a picture, of
its mask and of every frame of a clip, whatever their sizes, and at whatever scale a JPEG's decoder
hands the picture over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.sample import Mask

TRIES = 10
"""Squares that are drawn at most where one class fills them."""
_PROBE_PX = 64
"""Side of the grid of points on which a class's share is measured: ten of them cost little."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Square:
    """A square of a picture that is scaled with its aspect ratio kept.

    Attributes:
        factor: The picture's shorter side, in sides of the square.
        right: Where the square lies between the outermost places that it may take, in [0, 1).
        down: The same from top to bottom.
    """

    factor: float
    right: float
    down: float


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How a sample is looked at.

    Attributes:
        mirrored: Left and right change places.
        square: What is cut out; None squeezes the whole picture into the square.
    """

    mirrored: bool = False
    square: Square | None = None

    def window(self, picture_px: tuple[int, int], size_px: int) -> "Window":
        """Return what the view shows of a picture, whose width and height are given in full."""
        square = self.square
        if square is None:
            return _whole(size_px, mirrored=self.mirrored)
        scale = square.factor * size_px / min(picture_px)
        across, down = (
            _stretch(max(1, round(side_px * scale)), size_px, place)
            for side_px, place in zip(picture_px, (square.right, square.down), strict=True)
        )
        return Window(across=across, down=down, mirrored=self.mirrored)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Where the square lies along one side of the scaled picture, in pixels of the square.

    Attributes:
        scaled_px: The picture's side.
        start_px: Where the square begins; below 0 where the picture begins inside of it.
        size_px: The square's side.
    """

    scaled_px: int
    start_px: int
    size_px: int

    @property
    def seen(self) -> slice:
        """The part of the square that shows the picture."""
        start = max(-self.start_px, 0)
        return slice(start, min(self.size_px, self.scaled_px - self.start_px))

    def of(self, length: float) -> tuple[float, float]:
        """Return the part of the picture's side, which has a `length`, that is seen."""
        start, stop = (
            length * (self.start_px + edge) / self.scaled_px
            for edge in (self.seen.start, self.seen.stop)
        )
        return start, min(stop, length)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What a view shows of one picture: a `Stretch` of each of its sides."""

    across: Stretch
    down: Stretch
    mirrored: bool

    @property
    def scaled_px(self) -> tuple[int, int]:
        """Width and height that the whole picture has at the scale of the view."""
        return self.across.scaled_px, self.down.scaled_px

    @property
    def seen(self) -> tuple[slice, slice]:
        """Rows and columns of the square that show the picture; the others lie outside of it."""
        columns = self.across.seen
        if self.mirrored:
            side_px = self.across.size_px
            columns = slice(side_px - columns.stop, side_px - columns.start)
        return self.down.seen, columns

    @property
    def is_full(self) -> bool:
        """Tell whether the picture fills the square."""
        return all(side.seen == slice(0, side.size_px) for side in (self.across, self.down))

    def box(self, whole: tuple[float, float]) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of what is seen of a picture that measures `whole`."""
        (left, right), (top, bottom) = self.across.of(whole[0]), self.down.of(whole[1])
        return left, top, right, bottom

    def labels(self, mask: Mask) -> Mask:
        """Return what is seen of a mask (H, W), as large as `seen` says, by nearest neighbours."""
        whole = (mask.shape[1], mask.shape[0])
        rows, columns = self.seen
        size = (columns.stop - columns.start, rows.stop - rows.start)
        box = self.box(whole)
        if size != whole or box != (0, 0, *whole):
            image = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST, box)
            mask = np.asarray(image)
        return mask[:, ::-1] if self.mirrored else mask

    def cut_out(
        self, image: Image.Image, whole: tuple[float, float], resample: Image.Resampling
    ) -> Image.Image:
        """Return what is seen of `image`, as large as `seen` says.

        Cropping and resizing are one: an antialiased filter reads past the edges of the box.

        Args:
            image: The picture, decoded at any scale.
            whole: Width and height of the picture in pixels of `image`: a decoder that scales
                rounds up, so that its last pixels may lie beyond the picture by a part.
            resample: How pixels are made.
        """
        rows, columns = self.seen
        size = (columns.stop - columns.start, rows.stop - rows.start)
        box = self.box(whole)
        if size != image.size or box != (0, 0, *size):
            image = image.resize(size, resample, box)
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.mirrored else image


def pixels_of(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels (H, W, 3) of an RGB image."""
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, 3)


def looked_up(labels: Mask, table: bytes) -> Mask:
    """Return the entry of `table` that each of the labels, (H, W), has among its 256."""
    data = bytearray(labels.tobytes()).translate(table)  # twice as fast as that of bytes
    return np.frombuffer(data, np.uint8).reshape(labels.shape)


def fill_outside(pixels: NDArray[np.uint8], window: Window, value: NDArray[np.uint8] | int) -> None:
    """Set what lies outside of the picture in `pixels`, (S, S, ...), to a colour or a class."""
    if not window.is_full:
        shown = pixels[window.seen].copy()
        pixels[:] = value
        pixels[window.seen] = shown


def draw_squares(reach: tuple[float, float], generator: np.random.Generator) -> tuple[Square, ...]:
    """Return `TRIES` squares of one scale, whose factor lies in the range `reach`."""
    factor = generator.uniform(*reach)
    return tuple(
        Square(factor=factor, right=right, down=down)
        for right, down in generator.random((TRIES, 2)).tolist()
    )


def first_varied(
    squares: Sequence[Square], masks: Sequence[Mask], classes: bytes, most: float
) -> Square:
    """Return the first of `squares` in which no class has a larger share than `most`, or the last.

    Args:
        squares: At least one.
        masks: (H, W); of the frames of a sample that have one.
        classes: The class of each of the 256 values of a mask; 255 has no label and no share.
        most: In (0, 1].
    """
    if most < 1:
        for square in squares[:-1]:
            if _largest_share(square, masks, classes) <= most:
                return square
        return squares[-1]
    return squares[0]


def _largest_share(square: Square, masks: Sequence[Mask], classes: bytes) -> float:
    """Return the share of the most frequent class among the pixels with a label, 1 without any."""
    counts = np.zeros(256, np.int64)
    for mask in masks:
        window = View(square=square).window((mask.shape[1], mask.shape[0]), _PROBE_PX)
        probe = looked_up(window.labels(mask), classes)
        counts += np.bincount(probe.ravel(), minlength=256)
    labelled = counts[:-1]
    return float(labelled.max() / labelled.sum()) if labelled.any() else 1.0


@lru_cache(maxsize=64)
def _whole(size_px: int, *, mirrored: bool) -> Window:
    side = Stretch(scaled_px=size_px, start_px=0, size_px=size_px)
    return Window(across=side, down=side, mirrored=mirrored)


def _stretch(scaled_px: int, size_px: int, place: float) -> Stretch:
    room_px = scaled_px - size_px
    moved_px = int(place * (abs(room_px) + 1))
    return Stretch(
        scaled_px=scaled_px, start_px=moved_px if room_px > 0 else -moved_px, size_px=size_px
    )
