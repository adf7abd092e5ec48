"""Shards behind a PyTorch DataLoader: one dataset for labelled images, one for unlabelled frames.

Both are indexed by a `Draw`, so a sample, its augmentation included, depends on nothing but the
draw and the seed: not on the worker, not on what was read before.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from vsda.errors import ShardError, VsdaError
from vsda.shards.read import RandomAccessShards, decode_mask
from vsda.stream.order import Draw, StreamOrder
from vsda.stream.transforms import (
    Augmentation,
    augment,
    decode_resized,
    project_mask,
    resize_mask,
)
from vsda.taxonomy import ClassSet


class Joined:
    """Several sets read as one, in the order given."""

    def __init__(self, sets: Sequence[RandomAccessShards]) -> None:
        self._sets = tuple(sets)
        self._ends = list(accumulate(len(shards) for shards in self._sets))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, position: int, fields: tuple[str, ...]) -> dict[str, bytes]:
        """Return the bytes of `fields` of the sample at `position`."""
        shards, local = self._locate(position)
        return shards.read(local, fields)

    def name(self, position: int) -> str:
        """Return the key of the sample at `position`, for errors about it."""
        shards, local = self._locate(position)
        return shards.entry(local).key

    def _locate(self, position: int) -> tuple[RandomAccessShards, int]:
        index = bisect_right(self._ends, position)
        start = self._ends[index - 1] if index else 0
        return self._sets[index], position - start


@contextmanager
def naming(shards: Joined, draw: Draw) -> Iterator[None]:
    """Say in a decoder's error which sample it was, and what to do."""
    try:
        yield
    except ShardError as error:
        name = shards.name(draw.position)
        raise ShardError(f"{name}: {error}; look at the set with `vsda shards verify`") from error


class LabelledImages(Dataset[tuple[Tensor, Tensor]]):
    """Images (3, S, S) uint8 with masks (S, S) uint8 of class indices, see `project_mask`.

    `seed` is the run's seed and the stream's number, so that no two streams share their draws.
    """

    def __init__(
        self,
        shards: Joined,
        classes: ClassSet,
        size_px: int,
        *,
        augmentation: Augmentation,
        seed: tuple[int, int],
    ) -> None:
        self._shards, self._classes, self._size_px = shards, classes, size_px
        self._augmentation, self._seed = augmentation, seed

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Tensor]:
        fields = self._shards.read(draw.position, ("jpg", "seg.png"))
        generator = np.random.default_rng([*self._seed, draw.index])
        with naming(self._shards, draw):
            image = decode_resized(fields["jpg"], self._size_px)
            mask = resize_mask(decode_mask(fields["seg.png"]), self._size_px)
        labels = project_mask(mask, self._classes)
        if self._augmentation.flip and generator.random() < 0.5:
            image, labels = image.flip(-1), labels.flip(-1)
        return augment(image, self._augmentation, generator), labels


class UnlabelledFrames(Dataset[Tensor]):
    """Video frames (3, S, S) uint8. Their labels are not even read."""

    def __init__(self, shards: Joined, size_px: int, *, flip: bool, seed: tuple[int, int]) -> None:
        self._shards, self._size_px, self._flip, self._seed = shards, size_px, flip, seed

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, draw: Draw) -> Tensor:
        fields = self._shards.read(draw.position, ("jpg",))
        with naming(self._shards, draw):
            frame = decode_resized(fields["jpg"], self._size_px)
        generator = np.random.default_rng([*self._seed, draw.index])
        return frame.flip(-1) if self._flip and generator.random() < 0.5 else frame


class StepDraws:
    """The batches of the steps in [start_step, stop_step) for a DataLoader's `batch_sampler`."""

    def __init__(self, order: StreamOrder, start_step: int, stop_step: int) -> None:
        self._order, self._start, self._stop = order, start_step, stop_step

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[list[Draw]]:
        return self._order.batches(self._start, self._stop)


class ErrorsAsValues(Dataset[Any]):
    """Returns the errors of `dataset`: raised in a worker they would arrive as a traceback."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self._dataset = dataset

    def __getitem__(self, draw: Draw) -> Any:
        try:
            return self._dataset[draw]
        except VsdaError as error:
            return error


def stream_batches(dataset: Dataset[Any], draws: StepDraws, workers: int) -> Iterator[Any]:
    """Yield one batch per step of `draws`, decoded by `workers` processes.

    Raises:
        ShardError: A sample cannot be read.
        VsdaError: A worker died.
    """
    loader: DataLoader[Any] = DataLoader(
        ErrorsAsValues(dataset),
        batch_sampler=draws,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        collate_fn=_collate,
    )
    try:
        for batch in loader:
            if isinstance(batch, VsdaError):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error) and "shared memory" not in str(error):
            raise
        raise VsdaError(
            f"a process that reads samples died: {error}; if memory or /dev/shm is short, lower "
            "the recipe's workers or batch sizes"
        ) from error


def _collate(items: list[Any]) -> Any:
    errors = [item for item in items if isinstance(item, VsdaError)]
    return errors[0] if errors else default_collate(items)
