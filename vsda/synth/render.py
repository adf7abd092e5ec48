"""Scene -> linear light and exact masks.

Everything is painted at twice the size in linear light. A moving frame is the mean of nine or more
instants spread over the time that the shutter is open, so many that nothing moves by more than
1.5 pixels between two of them; objects shift in that time and do not turn. The mask shows the
instant in the middle: a pixel belongs to the object that fills at least half of it, to the nearest
one where two do.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vsda.sample import Mask
from vsda.synth.catalogue import outline
from vsda.synth.colour import Linear, hsv
from vsda.synth.scene import Draw, Scene, Thing
from vsda.synth.textures import tone

SUPERSAMPLE = 2
MIN_INSTANTS = 9
MAX_STEP_PX = 1.5

_MARGIN = 0.25  # of the frame's side; how far the camera can drift before the background ends
_SHADES = 255
_CLUTTER_CELLS = (6, 24)  # sizes of the irregular patches, in cells per background


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One frame as it reaches the camera.

    Attributes:
        light: (H, W, 3) linear light, RGB.
        objects: (H, W), 0 background, i the i-th thing of the scene counted from 1.
    """

    light: Linear
    objects: Mask


Planes = NDArray[np.float32]
"""(3, H, W) linear light; whole planes are several times faster to paint than single pixels."""


@dataclass(frozen=True, slots=True)
class _Sprite:
    """A painted object: where its top left corner lies on the canvas, its light and its extent."""

    x: int
    y: int
    light: Planes
    inside: NDArray[np.bool_]


class Renderer:
    """Renders the frames of one scene at `size_px` x `size_px`; the background is painted once.

    `reach_frames` is the longest time from the middle of the clip that is asked for, if that is
    known: what the camera does not come to see by then is not painted.
    """

    def __init__(self, scene: Scene, size_px: int, reach_frames: float = math.inf) -> None:
        self.scene = scene
        self._size_px = size_px
        self._side = size_px * SUPERSAMPLE
        whole_margin = round(_MARGIN * self._side)
        way = max(map(abs, scene.camera_velocity)) * self._side
        self._margin = math.ceil(min(way * reach_frames, whole_margin)) if way else 0
        self._background = _background(
            scene, self._side + 2 * whole_margin, whole_margin - self._margin
        )

    def render(self, time: float = 0.0, shutter_share: float = 0.0) -> Picture:
        """Return the scene at `time`, in frames from the middle of the clip.

        The shutter is open for `shutter_share` of the time between two frames.
        """
        sprites = [_paint(thing, time, self._side) for thing in self.scene.things]
        light = np.zeros((3, self._side, self._side), dtype=np.float32)
        instants = self._instants(shutter_share)
        for instant in instants:
            light += self._canvas(sprites, time, instant)
        light *= np.float32(2.0**self.scene.exposure_stops / len(instants))
        return Picture(
            light=_shrink(light), objects=object_mask(self._owners(sprites), len(sprites))
        )

    def _instants(self, shutter_share: float) -> list[float]:
        """Return times in frames from the middle of the exposure; an odd number, to hold it."""
        if shutter_share == 0:
            return [0.0]
        moving = [self.scene.camera_velocity, *(thing.velocity for thing in self.scene.things)]
        way_px = max(math.hypot(*speed) for speed in moving) * self._size_px * shutter_share
        num_steps = max(MIN_INSTANTS - 1, 2 * math.ceil(way_px / MAX_STEP_PX / 2))
        return [shutter_share * (step / num_steps - 0.5) for step in range(num_steps + 1)]

    def _canvas(self, sprites: list[_Sprite], time: float, instant: float) -> Planes:
        row, column = (
            self._margin + _limited(speed * (time + instant) * self._side, self._margin)
            for speed in reversed(self.scene.camera_velocity)
        )
        canvas = self._background[:, row : row + self._side, column : column + self._side].copy()
        for sprite, thing in zip(sprites, self.scene.things, strict=True):
            moved = [round(speed * instant * self._side) for speed in thing.velocity]
            target, source = _overlap(sprite, moved[0], moved[1], self._side)
            np.copyto(canvas[:, *target], sprite.light[:, *source], where=sprite.inside[source])
        return canvas

    def _owners(self, sprites: list[_Sprite]) -> Mask:
        owners = np.zeros((self._side, self._side), dtype=np.uint8)
        for number, sprite in enumerate(sprites, start=1):
            target, source = _overlap(sprite, 0, 0, self._side)
            owners[target][sprite.inside[source]] = number
        return owners


def _limited(shift: float, limit: int) -> int:
    return max(-limit, min(limit, round(shift)))


def _overlap(
    sprite: _Sprite, right: int, down: int, side: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the part of the canvas that a shifted sprite covers, and that part of the sprite."""
    height, width = sprite.inside.shape
    x, y = sprite.x + right, sprite.y + down
    left, top = min(max(x, 0), side), min(max(y, 0), side)
    end_x, end_y = max(min(x + width, side), left), max(min(y + height, side), top)
    target = (slice(top, end_y), slice(left, end_x))
    return target, (slice(top - y, end_y - y), slice(left - x, end_x - x))


def _paint(thing: Thing, time: float, side: int) -> _Sprite:
    """Return a thing as it looks at `time`; the sprite holds all of it, seen or not."""
    matrix = _pose(thing, time) * side
    centre = [
        (at + speed * time) * side for at, speed in zip(thing.centre, thing.velocity, strict=True)
    ]
    reach = np.abs(matrix).sum(axis=1) + 1
    x, y = int(np.floor(centre[0] - reach[0])), int(np.floor(centre[1] - reach[1]))
    offset = np.array([centre[0] - x, centre[1] - y])
    width, height = (int(extent) for extent in np.ceil(offset + reach))
    shades = _shades(thing, matrix, offset, (width, height))
    surface = _surface(thing, matrix, offset, (width, height))
    return _Sprite(x, y, surface * (shades * np.float32(1 / _SHADES)), shades > 0)


def _pose(thing: Thing, time: float) -> NDArray[np.float64]:
    """Return the matrix (2, 2) from the shape's square to fractions of the frame."""
    angle = thing.angle + thing.spin * time
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.sqrt(thing.stretch)
    flip = -1.0 if thing.mirrored else 1.0
    return turn @ np.diag([flip * stretch, 1 / stretch]) * thing.half_size


def _shades(
    thing: Thing, matrix: NDArray[np.float64], offset: NDArray[np.float64], size: tuple[int, int]
) -> Mask:
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    for part in outline(thing.look.name):
        for polygon in part.polygons:
            corners = polygon @ matrix.T + offset
            draw.polygon(corners.ravel().tolist(), fill=round(part.shade * _SHADES))
    return np.asarray(image)


def _surface(
    thing: Thing, matrix: NDArray[np.float64], offset: NDArray[np.float64], size: tuple[int, int]
) -> Planes:
    own = thing.surface
    inverse = np.linalg.inv(matrix).astype(np.float32) * np.float32(own.periods / 2)
    x = (np.arange(size[0]) + 0.5 - offset[0]).astype(np.float32)[None, :]
    y = (np.arange(size[1]) + 0.5 - offset[1]).astype(np.float32)[:, None]
    u, v = (row[0] * x + row[1] * y for row in inverse)
    first = hsv(own.hue_turns, own.saturation, own.value)
    second = hsv(own.hue_turns, own.saturation, own.value * own.second_value)
    return _blend(first, second, tone(own.texture, u, v, own.phase))


def _background(scene: Scene, side: int, cut: int) -> Planes:
    """Return a textured surface with irregular patches of light.

    It is (3, side, side) without the outer `cut` samples at each of its borders.
    """
    rng = scene.scene_id.generator(Draw.CLUTTER)
    kept = slice(cut, side - cut)
    turn = np.array([np.cos(scene.ground_angle), np.sin(scene.ground_angle)], dtype=np.float32)
    u, v = turn * np.float32(scene.ground_periods / side)
    along = np.arange(side, dtype=np.float32)[kept]
    x, y = along[None, :], along[:, None]
    pattern = tone(scene.ground.texture, u * x + v * y, u * y - v * x, 0.0)
    first = hsv(scene.ground_hue_turns, scene.ground.saturation, scene.ground_value)
    second = hsv(scene.ground_hue_turns, scene.ground.saturation, scene.ground_value * 0.75)
    few, many = (_patches(rng, cells, side, kept) for cells in _CLUTTER_CELLS)
    light: Planes = _blend(first, second, pattern) * (0.65 + 0.35 * (few + many))
    return light


def _patches(rng: np.random.Generator, cells: int, side: int, kept: slice) -> NDArray[np.float32]:
    """Return the middle of smooth noise (side, side) in about [0, 1], `kept` of both axes."""
    coarse = Image.fromarray(rng.random((cells, cells), dtype=np.float32))
    across = coarse.resize((side, cells), Image.Resampling.BICUBIC)
    across = across.crop((kept.start, 0, kept.stop, cells))  # what the other axis can do without
    return np.asarray(across.resize((across.width, side), Image.Resampling.BICUBIC))[kept]


def _blend(first: Linear, second: Linear, share: NDArray[np.floating]) -> Planes:
    """Return light between two colours (3,), by the share (H, W) of the second."""
    first, second = first[:, None, None], second[:, None, None]
    return (first + (second - first) * share).astype(np.float32, copy=False)


def _shrink(light: Planes) -> Linear:
    """Return the mean of every 2x2 samples, (H, W, 3)."""
    samples = light[:, 0::2, 0::2] + light[:, 0::2, 1::2] + light[:, 1::2, 0::2]
    return np.moveaxis(np.float32(0.25) * (samples + light[:, 1::2, 1::2]), 0, -1)


def object_mask(owners: Mask, num_things: int) -> Mask:
    """Return which object a pixel belongs to, (H, W), from the objects of its samples (2H, 2W).

    The object that fills at least half of the samples; of two, the one with the higher number,
    which is nearer; 0 where no object does.
    """
    samples = np.stack([owners[row::2, column::2] for row in (0, 1) for column in (0, 1)])
    objects = np.zeros(samples.shape[1:], dtype=np.uint8)
    for number in range(1, num_things + 1):
        num_inside = (samples == number).sum(axis=0, dtype=np.uint8)
        objects[num_inside * 2 >= len(samples)] = number
    return objects
