"""What a made-up scene holds: objects that drift and turn over a textured background.

A scene is a pure function of (seed, kind, index): neither the number of scenes nor the order in
which they are made plays a part. Two styles show the same scenes but for what their settings
framing, untypical and repeats change, and those are drawn apart from all else; so are the classes
that take the place of classes left out. Positions and sizes are fractions of the frame's side,
times are frames, and time 0 is the middle of a clip.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from vsda.synth.catalogue import Ground, Look, grounds, looks
from vsda.synth.framing import Centre, poses
from vsda.synth.styles import IMAGE_STYLE, Style
from vsda.synth.textures import TEXTURES

TYPICAL_SHARE = 0.7
"""Share of the objects that have their class's hue; of its texture too, drawn by itself."""
MAX_THINGS = 3
NUM_INDIVIDUALS = 2
"""Of each class and split: the things that few films show, see the setting `repeats`."""


class Kind(IntEnum):
    """The splits; the numbers go into the random seed and must never change."""

    TRAIN_IMAGE = 1
    VAL_IMAGE = 2
    TRAIN_VIDEO = 3
    VAL_VIDEO = 4


class Draw(IntEnum):
    """Independent random streams of one scene; the numbers must never change."""

    SCENE = 0
    FRAMING = 1
    CAMERA = 2
    CLUTTER = 3
    CHANCES = 4
    INDIVIDUAL = 5


@dataclass(frozen=True, slots=True)
class SceneId:
    """What a scene is a pure function of."""

    seed: int
    kind: Kind
    index: int

    def generator(self, draw: Draw) -> np.random.Generator:
        """Return the random stream that serves one purpose in this scene."""
        return np.random.default_rng([self.seed, self.kind, self.index, draw])

    def individual(self, coco_id: int, number: int) -> np.random.Generator:
        """Return the random stream of an individual of a class, which scenes of the split share."""
        return np.random.default_rng([self.seed, self.kind, coco_id, number, Draw.INDIVIDUAL])


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """What an object is painted with.

    Attributes:
        hue_turns: Typical of the class or not.
        texture: Typical of the class or not.
        second_value: Brightness of the second tone against the first.
        periods: Of the texture, over the shape's square.
        phase: Shift of the texture in periods.
    """

    hue_turns: float
    saturation: float
    value: float
    texture: str
    second_value: float
    periods: float
    phase: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """An object.

    Attributes:
        look: Its class.
        surface: Its own colours and texture.
        half_size: Half the side of the shape's square.
        stretch: Width against height.
        angle: In radians at time 0, clockwise.
        spin: In radians per frame.
        centre: (x, y) at time 0.
        velocity: (x, y) per frame.
    """

    look: Look
    surface: Surface
    half_size: float
    stretch: float
    mirrored: bool
    angle: float
    spin: float
    centre: Centre
    velocity: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Objects from back to front over a background that the camera drifts along.

    `camera_velocity` is (x, y) per frame; `exposure_stops` the natural spread of brightness.
    """

    scene_id: SceneId
    things: tuple[Thing, ...]
    ground: Ground
    ground_hue_turns: float
    ground_value: float
    ground_periods: float
    ground_angle: float
    camera_velocity: tuple[float, float]
    exposure_stops: float


class _Chances(NamedTuple):
    """Numbers in [0, 1) that decide what a style changes in an object."""

    other_class: float
    loses_hue: float
    loses_texture: float
    repeats: float
    individual: float


def make_scene(
    scene_id: SceneId, style: Style = IMAGE_STYLE, classes: Collection[str] = ()
) -> Scene:
    """Return the scene with this identity.

    Args:
        scene_id: What all is drawn from.
        style: Its settings framing, untypical and repeats play a part; vsda/synth/gaps.py.
        classes: Names of those that may occur; none means all. An object of another class becomes
            one of these, drawn evenly, and keeps its place, size and motion.
    """
    rng = scene_id.generator(Draw.SCENE)
    num_things = int(rng.integers(1, MAX_THINGS + 1))
    ground = grounds()[rng.integers(len(grounds()))]
    scene_numbers = rng.random(4)
    camera = rng.normal(0, 0.008, 2)
    exposure_stops = float(rng.normal(0, 0.15))
    return Scene(
        things=_things(rng, scene_id, num_things, style, classes),
        ground=ground,
        ground_hue_turns=ground.hue_turns + 0.08 * (scene_numbers[0] - 0.5),
        ground_value=0.45 + 0.4 * scene_numbers[1],
        ground_periods=3 + 5 * scene_numbers[2],
        ground_angle=np.pi * scene_numbers[3],
        scene_id=scene_id,
        camera_velocity=(float(camera[0]), float(camera[1])),
        exposure_stops=exposure_stops,
    )


def _things(
    rng: np.random.Generator,
    scene_id: SceneId,
    num_things: int,
    style: Style,
    classes: Collection[str],
) -> tuple[Thing, ...]:
    allowed = tuple(look for look in looks() if not classes or look.name in classes)
    places = poses(scene_id.generator(Draw.FRAMING), num_things, style.framing)
    numbers = scene_id.generator(Draw.CHANCES).random((MAX_THINGS, len(_Chances._fields)))
    chances = [_Chances(*row) for row in numbers[:num_things].tolist()]
    things = [
        _thing(rng, place, allowed, style.untypical, chance)
        for place, chance in zip(places, chances, strict=True)
    ]
    return tuple(
        _repeated(thing, scene_id, style.untypical, chance)
        if chance.repeats < style.repeats
        else thing
        for thing, chance in zip(things, chances, strict=True)
    )


def _repeated(thing: Thing, scene_id: SceneId, untypical: float, chances: _Chances) -> Thing:
    """Return a thing with the surface of one of the few individuals of its class and split."""
    number = int(chances.individual * NUM_INDIVIDUALS)
    rng = scene_id.individual(thing.look.coco_id, number)
    own = _Chances(*rng.random(len(_Chances._fields)).tolist())
    place = (thing.centre, thing.half_size)
    return replace(thing, surface=_thing(rng, place, (thing.look,), untypical, own).surface)


def _thing(
    rng: np.random.Generator,
    place: tuple[Centre, float],
    allowed: tuple[Look, ...],
    untypical: float,
    chances: _Chances,
) -> Thing:
    look = looks()[rng.integers(len(looks()))]
    if look not in allowed:
        look = allowed[int(chances.other_class * len(allowed))]
    typical_hue, typical_texture = rng.random(2) < TYPICAL_SHARE
    typical_hue &= chances.loses_hue >= untypical
    typical_texture &= chances.loses_texture >= untypical
    own_hue, hue_shift = rng.random(), rng.normal(0, 0.02)
    any_texture = list(TEXTURES)[rng.integers(len(TEXTURES))]
    direction, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.06)
    surface = Surface(
        hue_turns=float(look.hue_turns + hue_shift if typical_hue else own_hue),
        saturation=float(rng.uniform(0.65, 0.95)),
        value=float(rng.uniform(0.75, 1.0)),
        texture=look.texture if typical_texture else any_texture,
        second_value=float(rng.uniform(0.35, 0.6)),
        periods=float(rng.uniform(1.8, 2.6)),
        phase=float(rng.random()),
    )
    return Thing(
        look=look,
        surface=surface,
        half_size=place[1],
        stretch=float(rng.uniform(0.85, 1.15)),
        mirrored=bool(rng.random() < 0.5),
        angle=float(rng.normal(0, 0.15)),
        spin=float(rng.normal(0, 0.03)),
        centre=place[0],
        velocity=(float(speed * np.cos(direction)), float(speed * np.sin(direction))),
    )
