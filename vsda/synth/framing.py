"""Where the objects of a scene lie, and how large they are."""

import numpy as np
from numpy.typing import NDArray

_CANDIDATES = 5

Centre = tuple[float, float]
"""(x, y) as fractions of the frame."""
Centres = NDArray[np.float64]
"""(n, 2) positions as fractions of the frame."""


def poses(rng: np.random.Generator, num_things: int, framing: float) -> list[tuple[Centre, float]]:
    """Return the centre of each object and half the side of its square, in fractions of the frame.

    Framing 0 is a photographer's: objects large and in the middle. Framing 1 is that of a passing
    camera: objects anywhere, cut by the border, up to 35 % smaller. Between them it is the chance
    of each object to lie anywhere, and the share of that 35 %.
    """
    centres = _composed_centres(rng, num_things)
    candidates = rng.uniform(0.05, 0.95, (num_things, _CANDIDATES, 2))
    is_passing = rng.random(num_things) < framing
    if is_passing.any():
        centres = np.where(is_passing[:, None], _spread(candidates), centres)
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


def _spread(candidates: NDArray[np.float64]) -> Centres:
    """Return of each object's candidates (n, m, 2) the one farthest from the objects before it."""
    centres = np.empty((0, 2))
    for places in candidates:
        gaps = np.linalg.norm(places[:, None] - centres[None], axis=2)
        best = int(gaps.min(axis=1).argmax()) if len(centres) else 0
        centres = np.vstack([centres, places[best]])
    return centres
