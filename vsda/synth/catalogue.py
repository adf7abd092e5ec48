"""Typed rows of manifests/synth/: the classes, their outlines, the backgrounds."""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vsda.errors import ManifestError
from vsda.manifests import BACKGROUND_CLASS, manifest_path, read_table, stuffthing_values
from vsda.synth.textures import TEXTURES
from vsda.taxonomy import class_ids

Points = NDArray[np.float64]
"""(P, 2) corners, x to the right and y down; the unit is half the side of the shape's square."""

_ELLIPSE_CORNERS = 20


@dataclass(frozen=True, slots=True)
class Look:
    """A class and what is typical of it; `coco_id` is its COCO category."""

    name: str
    coco_id: int
    hue_turns: float
    texture: str


@dataclass(frozen=True, slots=True)
class Ground:
    """A background; `stuff_value` is what it carries in a stuffthingmaps PNG."""

    label: str
    stuff_value: int
    hue_turns: float
    saturation: float
    texture: str


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of an outline: polygons to paint at one brightness; `shade` 0 cuts a hole."""

    class_name: str
    shade: float
    polygons: tuple[Points, ...]


@cache
def looks() -> tuple[Look, ...]:
    """Return the classes of the made-up world by COCO id."""
    rows = read_table(
        manifest_path("synth", "classes"), ("class", "hue_turns", "texture"), read_look
    )
    return tuple(sorted(rows, key=lambda row: row.coco_id))


def read_look(cells: list[str]) -> Look:
    """Return the class that a row of classes.tsv describes.

    Raises:
        ManifestError: COCO has no such class, or there is no such texture.
    """
    return Look(cells[0], _coco_id(cells[0]), float(cells[1]), _texture(cells[2]))


@cache
def grounds() -> tuple[Ground, ...]:
    """Return the backgrounds in the order of their table."""
    return read_table(
        manifest_path("synth", "backgrounds"),
        ("label", "hue_turns", "saturation", "texture"),
        read_ground,
    )


def read_ground(cells: list[str]) -> Ground:
    """Return the background that a row of backgrounds.tsv describes.

    Raises:
        ManifestError: The label is not one of stuff, or there is no such texture.
    """
    label, hue_turns, saturation, texture = cells
    return Ground(
        label, _stuff_value(label), float(hue_turns), float(saturation), _texture(texture)
    )


@cache
def outline(class_name: str) -> tuple[Part, ...]:
    """Return the parts of a class in the order in which they are painted.

    Raises:
        ManifestError: The class has none, or the table is wrong.
    """
    parts = tuple(part for part in _parts() if part.class_name == class_name)
    if not parts:
        raise ManifestError(f"synth/shapes.tsv: no rows for the class {class_name!r}")
    return parts


@cache
def _parts() -> tuple[Part, ...]:
    return read_table(
        manifest_path("synth", "shapes"), ("class", "kind", "shade", "numbers"), read_part
    )


def read_part(cells: list[str]) -> Part:
    """Return the part that a row of shapes.tsv describes.

    Raises:
        ManifestError: An unknown kind, a shade outside [0, 1], a wrong count of numbers.
    """
    class_name, kind, shade = cells[0], cells[1], float(cells[2])
    numbers = [float(word) for word in cells[3].split()]
    if not 0 <= shade <= 1:
        raise ManifestError(f"shade must lie in [0, 1], got {shade}")
    if kind == "ellipse" and len(numbers) == 4:
        return Part(class_name, shade, (_ellipse(*numbers),))
    if kind == "polygon" and len(numbers) >= 6 and len(numbers) % 2 == 0:
        return Part(class_name, shade, (np.array(numbers).reshape(-1, 2),))
    if kind == "stroke" and len(numbers) >= 5 and len(numbers) % 2 == 1:
        return Part(class_name, shade, _stroke(numbers[0], np.array(numbers[1:]).reshape(-1, 2)))
    raise ManifestError(
        f"expected ellipse with 4 numbers, polygon with 6, 8... or stroke with 5, 7...; "
        f"got {kind!r} with {len(numbers)}"
    )


def _ellipse(x: float, y: float, radius_x: float, radius_y: float) -> Points:
    angles = np.arange(_ELLIPSE_CORNERS) * (2 * np.pi / _ELLIPSE_CORNERS)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)


def _stroke(width: float, path: Points) -> tuple[Points, ...]:
    pieces = []
    for start, end in itertools.pairwise(path):
        along = (end - start) / np.hypot(*(end - start)) * (width / 2)
        across = np.array([-along[1], along[0]])
        first, last = start - along / 2, end + along / 2  # longer, so that corners close
        pieces.append(np.array([first + across, last + across, last - across, first - across]))
    return tuple(pieces)


def _coco_id(name: str) -> int:
    ids = class_ids()
    if name not in ids:
        raise ManifestError(f"{name!r} is not a COCO class")
    return ids[name]


def _stuff_value(label: str) -> int:
    values = {
        row.label: row.value for row in stuffthing_values() if row.class_name == BACKGROUND_CLASS
    }
    if label not in values:
        raise ManifestError(f"{label!r} is not a stuff label of coco/stuffthingmaps.tsv")
    return values[label]


def _texture(name: str) -> str:
    if name not in TEXTURES:
        raise ManifestError(f"unknown texture {name!r}; known: {', '.join(TEXTURES)}")
    return name
