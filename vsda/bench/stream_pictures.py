"""The pictures that the ways to stream are compared on: as shards, as files, and in memory."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.bench.stream_results import Pictures
from vsda.errors import UsageError
from vsda.sample import FrameFacts, Mask, Sample
from vsda.shards.index import ShardIndex, ShardSet, index_path
from vsda.shards.masks import encode_mask
from vsda.shards.read import iterate_samples
from vsda.shards.write import write_shard
from vsda.storage import write_atomic

_NUM_SHARDS = 4
_FALL = 0.7
"""From one octave of the made-up pictures' noise to the next, twice as fine."""
_CONTRAST, _COLOURS, _BLOBS = 45, 0.5, 6
_CLASS_IDS = (0, 0, 1, 18, 17, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of made-up pictures; quality and grain give JPEGs as large as photographs'."""

    name: str
    width_px: int
    height_px: int
    quality: int
    grain: float


KINDS = (
    Kind(name="made small", width_px=256, height_px=256, quality=90, grain=2),
    Kind(name="originals", width_px=640, height_px=480, quality=95, grain=8),
)
"""21 KB as photographs of COCO that were resized to 256 pixels, 167 KB as they are themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """The same pictures in every form.

    Attributes:
        facts: What they are.
        shards: As a set of shards.
        jpegs: As files, in the order of `masks`.
        masks: As files; empty where the pictures have none.
    """

    facts: Pictures
    shards: ShardSet
    jpegs: tuple[Path, ...]
    masks: tuple[Path, ...]


def made_up(kind: Kind, number: int) -> list[Sample]:
    """Return labelled pictures of `kind`; same arguments, same bytes."""
    return [_sample(kind, index) for index in range(number)]


def from_set(shard_set: ShardSet, number: int) -> list[Sample]:
    """Return the first samples of a set, without masks unless all of them have one.

    Raises:
        ShardError: The set is damaged.
    """
    return list(islice(iterate_samples(shard_set), number))


def store(samples: Sequence[Sample], name: str, folder: Path) -> Stored:
    """Write `samples` below `folder` in every form.

    Raises:
        UsageError: There are too few of them for the shards.
    """
    if len(samples) < _NUM_SHARDS:
        raise UsageError(f"{name}: {len(samples)} pictures, expected {_NUM_SHARDS} or more")
    labelled = all(sample.seg is not None for sample in samples)
    masks = [encode_mask(sample.seg) for sample in samples if sample.seg is not None]
    jpegs = [sample.jpg for sample in samples]
    facts = Pictures(
        name=name,
        width_px=samples[0].facts.width_px,
        height_px=samples[0].facts.height_px,
        number=len(samples),
        jpeg_bytes=_mean_size(jpegs),
        mask_bytes=_mean_size(masks) if labelled else 0,
    )
    return Stored(
        facts=facts,
        shards=_set(samples, folder / "shards"),
        jpegs=_files(jpegs, folder / "jpg", "jpg"),
        masks=_files(masks, folder / "png", "png") if labelled else (),
    )


def _sample(kind: Kind, index: int) -> Sample:
    rng = np.random.default_rng([index, kind.width_px])
    pixels = np.stack([_noise(rng, kind) for _ in range(3)], axis=-1)
    grey = pixels.mean(axis=-1, keepdims=True)
    pixels = 128 + _CONTRAST * (grey + _COLOURS * (pixels - grey))
    pixels += kind.grain * rng.standard_normal(grey.shape)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=kind.quality)
    facts = FrameFacts(
        dataset="made",
        split="train",
        sequence=None,
        frame=f"{index:05d}",
        frame_index=index,
        width_px=kind.width_px,
        height_px=kind.height_px,
        labelled=True,
    )
    key = f"made/images/{index:05d}"
    return Sample(key=key, jpg=file.getvalue(), seg=_mask(rng, kind), inst=None, facts=facts)


def _noise(rng: np.random.Generator, kind: Kind) -> NDArray[np.float64]:
    """Return (H, W) noise of all sizes, the finer the weaker, as photographs have it."""
    total = np.zeros((kind.height_px, kind.width_px))
    longest_px = max(kind.width_px, kind.height_px)
    side, strength = 4, 1.0
    while side <= longest_px:
        total += strength * _enlarged(rng, kind, side)
        side, strength = 2 * side, strength * _FALL
    return total


def _enlarged(rng: np.random.Generator, kind: Kind, side: int) -> NDArray[np.float64]:
    rows = max(1, round(side * kind.height_px / kind.width_px))
    low = Image.fromarray(rng.standard_normal((rows, side)).astype(np.float32))
    size = (kind.width_px, kind.height_px)
    return np.asarray(low.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)


def _mask(rng: np.random.Generator, kind: Kind) -> Mask:
    """Return blobs of COCO's ids."""
    layers = [_enlarged(rng, kind, _BLOBS) for _ in _CLASS_IDS]
    mask: Mask = np.array(_CLASS_IDS, dtype=np.uint8)[np.argmax(layers, axis=0)]
    return mask


def _set(samples: Sequence[Sample], folder: Path) -> ShardSet:
    folder.mkdir(parents=True)
    cuts = np.linspace(0, len(samples), _NUM_SHARDS + 1).astype(int)
    infos = tuple(
        write_shard(folder / f"made-{number:06d}.tar", samples[start:stop])
        for number, (start, stop) in enumerate(pairwise(cuts))
    )
    index = ShardIndex(name="made", dataset="made", split="train", shards=infos)
    write_atomic(Path(index_path(str(folder), "made")), index.to_json())
    return ShardSet(index, str(folder))


def _files(contents: Iterable[bytes], folder: Path, ending: str) -> tuple[Path, ...]:
    folder.mkdir(parents=True)
    paths = []
    for number, data in enumerate(contents):
        paths.append(folder / f"{number:05d}.{ending}")
        paths[-1].write_bytes(data)
    return tuple(paths)


def _mean_size(contents: Sequence[bytes]) -> int:
    return round(sum(map(len, contents)) / len(contents))
