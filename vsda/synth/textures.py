"""Patterns of two tones, as functions of the position on a surface."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.floating[Any]]
"""Positions or tones; arrays that broadcast with each other."""

_TURN = 2 * np.pi


def tone(name: str, u: Grid, v: Grid, phase: float) -> Grid:
    """Return where a surface shows its second colour, in [0, 1].

    Args:
        name: A key of `TEXTURES`.
        u: Position to the right, one unit is one period.
        v: Position downwards, one unit is one period.
        phase: Shift of the pattern in periods.
    """
    return TEXTURES[name](u + phase, v + 0.7 * phase)


def _plain(u: Grid, v: Grid) -> Grid:
    return np.zeros(np.broadcast_shapes(u.shape, v.shape), dtype=np.float32)


def _stripes(u: Grid, v: Grid) -> Grid:
    return _half(u) + 0 * v


def _bands(u: Grid, v: Grid) -> Grid:
    return _half(v) + 0 * u


def _checks(u: Grid, v: Grid) -> Grid:
    return np.abs(_half(u) - _half(v))


def _dots(u: Grid, v: Grid) -> Grid:
    return ((_centred(u) ** 2 + _centred(v) ** 2) < 0.1).astype(np.float32)


def _blotches(u: Grid, v: Grid) -> Grid:
    waves = np.sin(_TURN * (0.6 * u + 0.3 * v)) + np.sin(_TURN * (0.55 * v - 0.35 * u) + 1)
    return (waves + 0.6 * np.sin(_TURN * (0.8 * v + 0.7 * u)) > 0.3).astype(np.float32)


def _half(position: Grid) -> Grid:
    return (_fraction(position) < 0.5).astype(np.float32)


def _centred(position: Grid) -> Grid:
    return _fraction(position) - 0.5


def _fraction(position: Grid) -> Grid:
    return position - np.floor(position)  # the bits of np.mod(position, 1), several times faster


TEXTURES: dict[str, Callable[[Grid, Grid], Grid]] = {
    "plain": _plain,
    "stripes": _stripes,
    "bands": _bands,
    "checks": _checks,
    "dots": _dots,
    "blotches": _blotches,
}
