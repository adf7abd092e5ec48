"""A set that several processes judge together, with the numbers of one.

What is predicted at once does not depend on how many processes there are, and a sequence stays with
one of them, so that its frames meet their neighbours.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from lightning_fabric import Fabric
from torch import distributed

from vsda.errors import ExitCode, VsdaError
from vsda.evaluation.cuts import Cut
from vsda.evaluation.predict import batches_of, cuts_of
from vsda.recipes.train import TrainRecipe
from vsda.sample import legal_key
from vsda.shards.read import RandomAccessShards

T = TypeVar("T")

_PART_FRAMES = 64
"""A part of a set ends with the sequence in which it comes to so many frames: short sequences and
still images fill whole batches together."""

Batches = list[list[Cut]]
"""What is predicted at once, in order."""


def parts_of(
    recipe: TrainRecipe, shards: RandomAccessShards, positions: Sequence[int]
) -> Iterator[Batches]:
    """Yield the batches of the samples at ascending `positions` in parts of whole sequences.

    Raises:
        ShardError: The set of a clip network contradicts itself.
    """
    names = {legal_key(row.name) for row in shards.shard_set.index.sequences}

    def unit(cut: Cut) -> str | int:
        """Return the folder of a sequence's keys; a still image's position."""
        folder = shards.entry(cut.kept[0]).key.rpartition("/")[0]
        return folder if folder.rpartition("/")[2] in names else cut.kept[0]

    part: list[Cut] = []
    for _, group in groupby(cuts_of(recipe, shards, positions), unit):
        part += group
        if sum(len(cut.kept) for cut in part) >= _PART_FRAMES:
            yield list(batches_of(recipe, part))
            part = []
    if part:
        yield list(batches_of(recipe, part))


def share_of(parts: Sequence[Batches], rank: int, world_size: int) -> Batches:
    """Return the batches of one of `world_size` processes: neighbouring parts, alike in frames."""
    lengths = [num_frames(part) for part in parts]
    total, before, mine = sum(lengths), 0, []
    for part, length in zip(parts, lengths, strict=True):
        middle = before + length / 2
        if rank <= middle * world_size / max(total, 1) < rank + 1:
            mine += part
        before += length
    return mine


def num_frames(batches: Batches) -> int:
    """Return the number of frames that are judged."""
    return sum(len(cut.kept) for batch in batches for cut in batch)


def from_all(fabric: Fabric | None, work: Callable[[], T]) -> list[T]:
    """Do `work` in each process and return what it gives in each of them, by rank.

    What it gives must be picklable. An error in one of them ends all; rank 0 tells it.

    Raises:
        VsdaError: What ended the first of them.
    """
    if fabric is None or fabric.world_size == 1:
        return [work()]
    mine: T | VsdaError
    try:
        mine = work()
    except VsdaError as error:
        mine = error
    found: list[T | VsdaError] = [mine] * fabric.world_size
    distributed.all_gather_object(found, mine)
    errors = [each for each in found if isinstance(each, VsdaError)]
    if not errors:
        return found  # type: ignore[return-value]
    if fabric.global_rank == 0:
        raise errors[0]
    sys.exit(ExitCode.DONE)  # rank 0 tells how it ended
