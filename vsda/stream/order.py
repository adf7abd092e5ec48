"""The order of a stream: a pure function of seed, stream, epoch, rank and step.

The draws of all ranks form one endless sequence: epoch after epoch, each a permutation of the
whole set. Step t of a world of R ranks takes the next R * B draws, and rank r the r-th B of them.
So every rank has the same number of steps whatever the set's length, a set smaller than a batch
works, and a run resumes from the step number alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Draw:
    """One sample to read.

    Attributes:
        index: Number of the draw since the start of the run, over all ranks; seeds augmentation.
        position: Position of the sample in its set.
    """

    index: int
    position: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamOrder:
    """The order of one stream on one rank.

    Attributes:
        length: Number of samples in the set.
        batch_size: Samples per step and rank.
        seed: The run's seed.
        stream: Number of the stream; streams of one run have different orders.
        rank: This process, in [0, world_size).
        world_size: Number of processes.
    """

    length: int
    batch_size: int
    seed: int
    stream: int
    rank: int = 0
    world_size: int = 1

    def batch(self, step: int) -> list[Draw]:
        """Return the draws of `step`, counted from 0."""
        first = (step * self.world_size + self.rank) * self.batch_size
        return [self._draw(index) for index in range(first, first + self.batch_size)]

    def batches(self, start_step: int, stop_step: int) -> Iterator[list[Draw]]:
        """Yield the draws of the steps in [start_step, stop_step)."""
        for step in range(start_step, stop_step):
            yield self.batch(step)

    def _draw(self, index: int) -> Draw:
        epoch, offset = divmod(index, self.length)
        order = _permutation(self.length, self.seed, self.stream, epoch)
        return Draw(index, int(order[offset]))


@lru_cache(maxsize=8)
def _permutation(length: int, seed: int, stream: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, stream, epoch]).permutation(length)
