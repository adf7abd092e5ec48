"""Samples that cannot be read, and what is drawn in their place."""

from dataclasses import dataclass

import numpy as np

from vsda.errors import ShardError
from vsda.stream.order import Draw

MAX_ATTEMPTS = 5
"""Samples that are tried for one draw. A sound set with a few holes needs two; a set that is out of
reach as a whole must not be tried for hours."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A sample that could not be read and was replaced by another one.

    Attributes:
        key: Its key, or its place in its set where that cannot tell.
        message: What is wrong with it.
    """

    key: str
    message: str


class SampleError(ShardError):
    """A sample cannot be decoded.

    Args:
        key: Its key.
        message: What is wrong with it.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}; look at the set with `vsda shards verify`")
        self.key = key


def replacement(draw: Draw, attempt: int, length: int, seed: tuple[int, int]) -> Draw:
    """Return `draw` with another position, in [0, length).

    It follows from the arguments alone, so that a run that is resumed makes the same choice.

    Args:
        draw: Whose sample cannot be read; how the new one is augmented stays.
        attempt: How many samples were tried before, at least 1.
        length: Number of samples that may be drawn.
        seed: The run's seed and the stream's number.
    """
    generator = np.random.default_rng([*seed, draw.index, attempt])
    return Draw(draw.index, int(generator.integers(length)))
