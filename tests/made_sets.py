"""Small sets of shards made by code: coloured squares whose class is their colour."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from vsda.sample import FrameFacts, Sample
from vsda.shards.index import ShardIndex, ShardSet, index_path, open_set
from vsda.shards.write import write_shard
from vsda.storage import write_atomic

CLASS_COLOURS = {1: (220, 40, 40), 18: (40, 60, 220)}
"""COCO id (person, dog) to colour."""


def make_sample(index: int, *, size_px: int, sequence: str | None, darkness: float = 1.0) -> Sample:
    """Return a frame with one square of one class, darkened by a factor."""
    rng = np.random.default_rng([index, size_px])
    class_id = (1, 18)[index % 2]
    picture = rng.integers(100, 140, size=(size_px, size_px, 3)).astype(np.float64)
    seg = np.zeros((size_px, size_px), dtype=np.uint8)
    top, left = rng.integers(0, size_px // 2, size=2)
    square = np.s_[top : top + size_px // 2, left : left + size_px // 2]
    picture[square], seg[square] = CLASS_COLOURS[class_id], class_id
    buffer = io.BytesIO()
    Image.fromarray((picture * darkness).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    facts = FrameFacts(
        dataset="made",
        split="train",
        sequence=sequence,
        frame=f"{index:05d}",
        frame_index=index,
        width_px=size_px,
        height_px=size_px,
        labelled=True,
        classes=(class_id,),
    )
    key = f"made/{sequence or 'images'}/{index:05d}"
    return Sample(key=key, jpg=buffer.getvalue(), seg=seg, inst=None, facts=facts)


def make_set(folder: Path, name: str, samples: list[Sample], **settings: object) -> ShardSet:
    """Write `samples` as the set `name`, two shards if there are at least two samples."""
    half = (len(samples) + 1) // 2
    parts = [part for part in (samples[:half], samples[half:]) if part]
    shards = tuple(
        write_shard(folder / f"{name}-{number:06d}.tar", part) for number, part in enumerate(parts)
    )
    index = ShardIndex(name=name, dataset="made", split="train", shards=shards, settings=settings)
    write_atomic(Path(index_path(str(folder), name)), index.to_json())
    return open_set(str(folder / name))


def make_images(folder: Path, number: int = 13, size_px: int = 32) -> ShardSet:
    """Write a set of `number` labelled still images."""
    samples = [make_sample(i, size_px=size_px, sequence=None) for i in range(number)]
    return make_set(folder, "images", samples)


def make_places(folder: Path) -> tuple[list[str], list[str]]:
    """Write a set of images and one of videos, of 13 and 5 samples; return the places of both."""
    made = make_images(folder), make_videos(folder)
    images, videos = (f"{folder}/{shard_set.index.name}" for shard_set in made)
    return [images], [videos]


def make_videos(folder: Path, number: int = 5, size_px: int = 32) -> ShardSet:
    """Write a set of `number` dark frames of one sequence."""
    samples = [
        make_sample(100 + i, size_px=size_px, sequence="clip", darkness=0.4) for i in range(number)
    ]
    return make_set(folder, "videos", samples)
