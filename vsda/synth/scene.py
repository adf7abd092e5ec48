"""What a made-up scene holds: objects that drift and turn over a textured background.

A scene is a pure function of (seed, kind, index): neither the number of scenes nor the order in
which they are made nor the style plays a part, so two styles show the same scenes. Positions and
sizes are fractions of the frame's side, times are frames, and time 0 is the middle of a clip.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from vsda.synth.catalogue import Ground, Look, grounds, looks
from vsda.synth.textures import TEXTURES

TYPICAL_SHARE = 0.7
"""Share of the objects that have their class's hue; of its texture too, drawn by itself."""
MAX_THINGS = 3

_CENTRE_CANDIDATES = 5

Centres = NDArray[np.float64]
"""(n, 2) positions as fractions of the frame."""


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


@dataclass(frozen=True, slots=True)
class SceneId:
    """What a scene is a pure function of."""

    seed: int
    kind: Kind
    index: int

    def generator(self, draw: Draw) -> np.random.Generator:
        """Return the random stream that serves one purpose in this scene."""
        return np.random.default_rng([self.seed, self.kind, self.index, draw])


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """An object.

    Attributes:
        look: Its class.
        hue_turns: Its own hue, typical of the class or not.
        texture: Its own texture, typical of the class or not.
        second_value: Brightness of the second tone against the first.
        half_size: Half the side of the shape's square.
        stretch: Width against height.
        angle: In radians at time 0, clockwise.
        spin: In radians per frame.
        centre: (x, y) at time 0.
        velocity: (x, y) per frame.
    """

    look: Look
    hue_turns: float
    saturation: float
    value: float
    texture: str
    second_value: float
    periods: float
    phase: float
    half_size: float
    stretch: float
    mirrored: bool
    angle: float
    spin: float
    centre: tuple[float, float]
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


def make_scene(scene_id: SceneId, framing: float = 0.0) -> Scene:
    """Return the scene with this identity.

    Framing 0 is a photographer's: objects large and in the middle. Framing 1 is that of a passing
    camera: objects anywhere, cut by the border, up to 35 % smaller. Between them it is the chance
    of each object to lie anywhere, and the share of that 35 %.
    """
    rng = scene_id.generator(Draw.SCENE)
    num_things = int(rng.integers(1, MAX_THINGS + 1))
    ground = grounds()[rng.integers(len(grounds()))]
    scene_numbers = rng.random(4)
    camera = rng.normal(0, 0.008, 2)
    exposure_stops = float(rng.normal(0, 0.15))
    poses = _poses(scene_id.generator(Draw.FRAMING), num_things, framing)
    things = tuple(_thing(rng, centre, half_size) for centre, half_size in poses)
    return Scene(
        things=things,
        ground=ground,
        ground_hue_turns=ground.hue_turns + 0.08 * (scene_numbers[0] - 0.5),
        ground_value=0.45 + 0.4 * scene_numbers[1],
        ground_periods=3 + 5 * scene_numbers[2],
        ground_angle=np.pi * scene_numbers[3],
        scene_id=scene_id,
        camera_velocity=(float(camera[0]), float(camera[1])),
        exposure_stops=exposure_stops,
    )


def _poses(
    rng: np.random.Generator, num_things: int, framing: float
) -> list[tuple[tuple[float, float], float]]:
    composed = _composed_centres(rng, num_things)
    passing = _passing_centres(rng, num_things)
    is_passing = rng.random(num_things) < framing
    centres = np.where(is_passing[:, None], passing, composed)
    sizes = rng.uniform(0.21, 0.30, num_things) * (1.25 if num_things == 1 else 1.0)
    sizes *= 1 - 0.35 * framing * rng.random(num_things)
    return [
        ((float(x), float(y)), float(size)) for (x, y), size in zip(centres, sizes, strict=True)
    ]


def _composed_centres(rng: np.random.Generator, num_things: int) -> Centres:
    """Return centres (n, 2) spread evenly around the middle."""
    angles = 2 * np.pi * (rng.random() + np.arange(num_things) / num_things)
    radius = (0.05 if num_things == 1 else 0.26) * rng.uniform(0.75, 1.15, num_things)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres: Centres = 0.5 + radius[:, None] * around
    return centres


def _passing_centres(rng: np.random.Generator, num_things: int) -> Centres:
    """Return centres (n, 2) anywhere in the frame, apart from each other where there is room."""
    centres = np.empty((0, 2))
    for candidates in rng.uniform(0.05, 0.95, (num_things, _CENTRE_CANDIDATES, 2)):
        gaps = np.linalg.norm(candidates[:, None] - centres[None], axis=2)
        best = int(gaps.min(axis=1).argmax()) if len(centres) else 0
        centres = np.vstack([centres, candidates[best]])
    return centres


def _thing(rng: np.random.Generator, centre: tuple[float, float], half_size: float) -> Thing:
    look = looks()[rng.integers(len(looks()))]
    typical_hue, typical_texture = rng.random(2) < TYPICAL_SHARE
    own_hue, hue_shift = rng.random(), rng.normal(0, 0.02)
    any_texture = list(TEXTURES)[rng.integers(len(TEXTURES))]
    direction, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.06)
    return Thing(
        look=look,
        hue_turns=float(look.hue_turns + hue_shift if typical_hue else own_hue),
        saturation=float(rng.uniform(0.65, 0.95)),
        value=float(rng.uniform(0.75, 1.0)),
        texture=look.texture if typical_texture else any_texture,
        second_value=float(rng.uniform(0.35, 0.6)),
        periods=float(rng.uniform(1.8, 2.6)),
        phase=float(rng.random()),
        half_size=half_size,
        stretch=float(rng.uniform(0.85, 1.15)),
        mirrored=bool(rng.random() < 0.5),
        angle=float(rng.normal(0, 0.15)),
        spin=float(rng.normal(0, 0.03)),
        centre=centre,
        velocity=(float(speed * np.cos(direction)), float(speed * np.sin(direction))),
    )
