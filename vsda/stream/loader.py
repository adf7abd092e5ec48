"""Sets of shards behind a PyTorch DataLoader: what a step draws is read by worker processes."""

import signal
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vsda.errors import ShardError, VsdaError
from vsda.shards.read import RandomAccessShards
from vsda.signals import STOP_CODES
from vsda.stream.clips import (
    ClipShape,
    ReadFrame,
    Sequences,
    clip_around,
    labelled_positions,
    read_clip,
)
from vsda.stream.damage import Damage
from vsda.stream.order import Draw, StreamOrder
from vsda.stream.remarks import place_of, tell_left_out


class Joined:
    """Several sets read as one, in the order given."""

    def __init__(self, sets: Sequence[RandomAccessShards]) -> None:
        self._sets = tuple(sets)
        self._ends = list(accumulate(len(shards) for shards in self._sets))
        self._sequences: tuple[Sequences, ...] | None = None

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def sets(self) -> tuple[RandomAccessShards, ...]:
        """The sets that are joined."""
        return self._sets

    def sequences(self) -> tuple[Sequences, ...]:
        """Return which samples of each set are frames of one sequence.

        Raises:
            ShardError: A set contradicts itself.
        """
        if self._sequences is None:
            self._sequences = tuple(Sequences(shards) for shards in self._sets)
        return self._sequences

    def labelled_positions(self) -> list[int]:
        """Return the positions of the samples that have a mask, and say how many have none."""
        found: list[int] = []
        for end, shards in zip(self._ends, self._sets, strict=True):
            positions = labelled_positions(shards)
            tell_left_out(shards, positions)
            found += [end - len(shards) + position for position in positions]
        return found

    def name(self, position: int) -> str:
        """Return what to call a sample: its key, or its place where its set cannot tell."""
        number, local = self._locate(position)
        shards = self._sets[number]
        try:
            return shards.entry(local).key
        except ShardError:
            return f"{place_of(shards)}[{local}]"

    def read(
        self,
        position: int,
        shape: ClipShape,
        fields: tuple[str, ...],
        optional: tuple[str, ...] = (),
    ) -> list[ReadFrame]:
        """Return the clip that starts at `position`, see `clip_around`; a clip of 1 is a frame.

        Its frames have `fields` and those of `optional` that they have.

        Raises:
            ShardError: A frame cannot be read or lacks one of `fields`.
        """
        number, clip = self._clip(position, shape)
        shards = self._sets[number]
        wanted = {
            place: (*fields, *(name for name in optional if name in shards.entry(place).fields))
            for place in clip
        }
        return read_clip(shards, wanted)

    def prefetch(
        self,
        positions: Iterable[int],
        shape: ClipShape,
        fields: tuple[str, ...],
        optional: tuple[str, ...] = (),
    ) -> None:
        """Ask for clips that are going to be read: those of sets on URLs are asked for together.

        Raises:
            VsdaError: A server cannot be reached.
        """
        wanted: dict[int, list[int]] = {}
        for position in positions:
            number, clip = self._clip(position, shape)
            wanted.setdefault(number, []).extend(clip)
        for number, places in wanted.items():
            self._sets[number].prefetch(places, fields, optional)

    def _clip(self, position: int, shape: ClipShape) -> tuple[int, range]:
        """Return the number of a clip's set, and the positions of its frames there."""
        number, local = self._locate(position)
        if shape.frames == 1:
            return number, range(local, local + 1)
        return number, clip_around(local, self.sequences()[number].around(local), shape)

    def _locate(self, position: int) -> tuple[int, int]:
        """Return the number of a sample's set, and its position there."""
        number = bisect_right(self._ends, position)
        return number, position - self._ends[number] + len(self._sets[number])


Drawn = tuple[tuple[Tensor, ...], tuple[Damage, ...]]
"""The tensors of a step, (N, ...) each, and what was replaced in it."""


class Batches(Protocol):
    """Reads the samples of a step together."""

    def __getitems__(self, draws: Sequence[Draw], /) -> Drawn:
        """Return the samples of `draws`, side by side."""


class StepDraws:
    """The batches of the steps in [start_step, stop_step) for a DataLoader's `batch_sampler`."""

    def __init__(self, order: StreamOrder, start_step: int, stop_step: int) -> None:
        self._order, self._start, self._stop = order, start_step, stop_step

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[list[Draw]]:
        return self._order.batches(self._start, self._stop)


class ErrorsAsValues(Dataset[Any]):
    """Returns the errors of `batches`: raised in a worker they would arrive as a traceback."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __getitems__(self, draws: list[Draw]) -> Drawn | VsdaError:
        """Return the samples of a step, or why there are none."""
        try:
            return self._batches.__getitems__(draws)
        except VsdaError as error:
            return error


def stream_batches(
    batches: Batches, draws: StepDraws, workers: int, prefetch: int = 2
) -> Iterator[Drawn]:
    """Yield one batch per step of `draws`, decoded by `workers` processes.

    Args:
        batches: What reads the samples of a step.
        draws: The steps.
        workers: Processes; 0 reads in this one, when a batch is asked for.
        prefetch: Batches that each process has ready.

    Raises:
        ShardError: A sample cannot be read.
        VsdaError: A worker died.
    """
    loader: DataLoader[Any] = DataLoader(
        ErrorsAsValues(batches),
        batch_sampler=draws,
        num_workers=workers,
        prefetch_factor=prefetch if workers else None,
        pin_memory=torch.cuda.is_available(),
        collate_fn=_as_it_is,
        worker_init_fn=_leave_signals_to_parent,
    )
    try:
        for batch in loader:
            if isinstance(batch, VsdaError):
                raise batch
            tensors, damaged = batch
            yield tuple(tensors), tuple(damaged)  # a thread that pins memory makes lists of them
    except RuntimeError as error:
        if "DataLoader worker" not in str(error) and "shared memory" not in str(error):
            raise
        raise VsdaError(
            f"a process that reads samples died: {error}; if memory or /dev/shm is short, lower "
            "the recipe's workers or batch sizes"
        ) from error


def _leave_signals_to_parent(_: int) -> None:
    """Pass over what asks a run to stop: a batch system asks all its processes at once.

    The trainer finishes its step and needs the readers until then. They end with it.
    """
    for name in STOP_CODES:
        signal.signal(name, signal.SIG_IGN)


def _as_it_is(batch: Any) -> Any:
    return batch
