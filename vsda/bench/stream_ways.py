"""Ways to make endless batches of stored pictures: ours, others as users write them, limits.

All give (B, 3, S, S) uint8 pictures and, where they are wanted, (B, S, S) uint8 masks of class
indices. None changes anything at random but the order.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision.transforms import InterpolationMode, v2

from vsda.bench.stream_pictures import Stored
from vsda.shards.masks import decode_mask
from vsda.shards.read import RandomAccessShards
from vsda.stream.geometry import View
from vsda.stream.loader import Joined, StepDraws, stream_batches
from vsda.stream.order import StreamOrder
from vsda.stream.samples import Look, Samples
from vsda.stream.transforms import Augmentation, decode_picture
from vsda.taxonomy import class_set

_CLASSES = class_set("person,dog,cat,car")
_ENDLESS = 1_000_000
_SHUFFLED = 64
"""Samples among which webdataset picks the next one at random."""

Batches = Iterator[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a way has to do.

    Attributes:
        stored: The pictures.
        labelled: With their masks.
        size_px: Side of the squares.
        batch: Pictures of a batch.
    """

    stored: Stored
    labelled: bool
    size_px: int
    batch: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way: what it is called, what it does, and its endless batches with so many workers."""

    name: str
    work: str
    batches: Callable[[Job, int], Batches]


def vsda_batches(job: Job, workers: int) -> Batches:
    """Yield the batches of a training run."""
    look = Look(size_px=job.size_px, augmentation=Augmentation(), seed=(0, 0))
    sets = Joined([RandomAccessShards(job.stored.shards)])
    samples = Samples(sets, look, _CLASSES if job.labelled else None)
    order = StreamOrder(length=len(samples), batch_size=job.batch, seed=0, stream=0)
    for tensors, _ in stream_batches(samples, StepDraws(order, 0, _ENDLESS), workers):
        yield tensors


def webdataset_batches(job: Job, workers: int) -> Batches:
    """Yield what the bare library reads of the same tars, decoded and resized by torchvision."""
    fields = ["jpg", "seg.png"] if job.labelled else ["jpg"]
    decoders = [partial(_picture, size_px=job.size_px), partial(_mask, size_px=job.size_px)]
    index = job.stored.shards.index
    places = [job.stored.shards.place(info.url) for info in index.shards]
    samples = webdataset.WebDataset(places, resampled=True, shardshuffle=False).shuffle(_SHUFFLED)
    samples = samples.to_tuple(*fields).map_tuple(*decoders[: len(fields)]).batched(job.batch)
    yield from webdataset.WebLoader(samples, batch_size=None, num_workers=workers)


def folder_batches(job: Job, workers: int) -> Batches:
    """Yield what a map-style dataset over files gives, by Pillow and torchvision's transforms."""
    files = _Files(job)
    sampler = RandomSampler(files, replacement=True, num_samples=_ENDLESS * job.batch)
    yield from DataLoader(files, job.batch, sampler=sampler, num_workers=workers)


def pillow_batches(job: Job, workers: int) -> Batches:
    """Yield nothing after decoding the pictures of a batch to the target size, one by one.

    The bytes are in memory. A JPEG is decoded at the scale that is nearest above the target, as we
    do, and resized where that is another size; a mask is decoded, and resized likewise.
    """

    def decode(picture: bytes, mask: bytes | None) -> None:
        _decode(picture, job.size_px, Image.Resampling.BILINEAR)
        if mask is not None:
            _decode(mask, job.size_px, Image.Resampling.NEAREST)

    yield from _decoding_alone(job, workers, decode)


def own_batches(job: Job, workers: int) -> Batches:
    """Yield nothing after the same by the decoders that vsda's batches are made with."""
    out = np.empty((job.size_px, job.size_px, 3), np.uint8)

    def decode(picture: bytes, mask: bytes | None) -> None:
        decode_picture(picture, View(), out)
        if mask is not None:
            decode_mask(mask)

    yield from _decoding_alone(job, workers, decode)


def _decoding_alone(
    job: Job, workers: int, decode: Callable[[bytes, bytes | None], None]
) -> Iterator[None]:
    if workers:
        raise ValueError("decoding alone is done in one process")
    jpegs = [path.read_bytes() for path in job.stored.jpegs]
    masks: list[bytes | None] = [None] * len(jpegs)
    if job.labelled:
        masks = [path.read_bytes() for path in job.stored.masks]
    pairs = cycle(zip(jpegs, masks, strict=True))
    while True:
        for picture, mask in islice(pairs, job.batch):
            decode(picture, mask)
        yield None


LIMIT = Way("decoding alone", "Pillow, from memory to the target size; no batches", pillow_batches)
OWN_LIMIT = Way("ours alone", "the same by vsda's own decoders", own_batches)
YARDSTICKS = (LIMIT, OWN_LIMIT)
WAYS = (
    Way("vsda", "shards, any order, headers checked", vsda_batches),
    Way("webdataset", "the same tars, torchvision decodes and resizes", webdataset_batches),
    Way("folder", "files, DataLoader, Pillow, torchvision's transforms", folder_batches),
)


class _Files(Dataset[Any]):
    """The pictures as files, as a user would write it."""

    def __init__(self, job: Job) -> None:
        self._jpegs = job.stored.jpegs
        self._masks = job.stored.masks if job.labelled else ()
        square = (job.size_px, job.size_px)
        self._transform = v2.Compose([v2.Resize(square), v2.PILToTensor()])
        self._to_size = v2.Resize(square, interpolation=InterpolationMode.NEAREST)
        self._table = _CLASSES.projection()

    def __len__(self) -> int:
        return len(self._jpegs)

    def __getitem__(self, number: int) -> Any:
        picture = self._transform(self._opened(self._jpegs[number]).convert("RGB"))
        if not self._masks:
            return picture
        mask = self._to_size(self._opened(self._masks[number]))
        return picture, torch.from_numpy(self._table[np.asarray(mask)])

    def _opened(self, path: Path) -> Image.Image:
        return Image.open(path)


def _picture(data: bytes, size_px: int) -> Tensor:
    decoded = _decoded(data, "decode_jpeg", mode=3)
    resized: Tensor = v2.functional.resize(decoded, [size_px, size_px], antialias=True)
    return resized


def _mask(data: bytes, size_px: int) -> Tensor:
    decoded = _decoded(data, "decode_png", mode=1)
    nearest = InterpolationMode.NEAREST_EXACT  # the pixel at the centre, as Pillow takes it
    resized = v2.functional.resize(decoded, [size_px, size_px], interpolation=nearest)
    table = torch.from_numpy(_CLASSES.projection())
    return table[resized[0].int()]


def _decoded(data: bytes, operator: str, mode: int) -> Tensor:
    """Return (3, H, W) or (1, H, W), by torchvision or, in releases without decoders, Pillow."""
    if hasattr(torch.ops.image, operator):
        file = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        decoded: Tensor = getattr(torch.ops.image, operator)(file, mode, False)
        return decoded
    pixels: Tensor = v2.functional.pil_to_tensor(Image.open(io.BytesIO(data)))
    return pixels


def _decode(data: bytes, size_px: int, resample: Image.Resampling) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (size_px, size_px))
        image.load()
        if image.size != (size_px, size_px):
            image.resize((size_px, size_px), resample)
