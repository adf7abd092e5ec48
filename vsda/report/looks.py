"""Which colour stands for which run."""

from collections.abc import Sequence
from typing import NamedTuple

from vsda.report.arms import Arm

NUM_COLOURS = 8
"""Colours in runs.css; later arms use them again with dashed lines."""


class Look(NamedTuple):
    """Colour number of a run, and whether it is drawn dashed."""

    colour: int
    dashed: bool


def looks(all_arms: Sequence[Arm]) -> list[Look]:
    """Return how each run is drawn: one colour for an arm, dashed from its second run on."""
    found = {
        position: Look(number % NUM_COLOURS, rank > 0 or number >= NUM_COLOURS)
        for number, arm in enumerate(all_arms)
        for rank, position in enumerate(arm.positions)
    }
    return [found[position] for position in sorted(found)]
