"""Made-up sets of shards, such as `vsda train` reads."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from vsda.bench.stream_pictures import KINDS, made_up
from vsda.sample import Sample
from vsda.shards.index import ShardIndex, index_path
from vsda.shards.write import write_shard
from vsda.storage import write_atomic

_NUM_PICTURES, _NUM_SHARDS = 64, 4
_SEQUENCE = 8
"""Frames of a video."""
_SMALL_PX = 128


def write_sets(folder: Path, size_px: int) -> tuple[str, str]:
    """Write labelled images and unlabelled videos below `folder`; return the places of both sets.

    For pictures of more than 128 pixels they are as large as photographs of COCO, otherwise as
    those that were made small.
    """
    small, originals = KINDS
    images = made_up(small if size_px <= _SMALL_PX else originals, _NUM_PICTURES)
    frames = [_frame(sample, number) for number, sample in enumerate(images)]
    return _write(folder, "made-images", images), _write(folder, "made-videos", frames)


def _frame(sample: Sample, number: int) -> Sample:
    sequence, index = f"clip-{number // _SEQUENCE:02d}", number % _SEQUENCE
    facts = replace(
        sample.facts,
        sequence=sequence,
        frame=f"{index:05d}",
        frame_index=index,
        labelled=False,
    )
    return replace(sample, key=f"made/{sequence}/{index:05d}", seg=None, facts=facts)


def _write(folder: Path, name: str, samples: Sequence[Sample]) -> str:
    """Write a set whose shards hold whole sequences, and return its place."""
    cuts = np.linspace(0, len(samples), _NUM_SHARDS + 1).astype(int)
    infos = tuple(
        write_shard(folder / f"{name}-{number:06d}.tar", samples[start:stop])
        for number, (start, stop) in enumerate(pairwise(cuts))
    )
    index = ShardIndex(name=name, dataset="made", split="train", shards=infos)
    write_atomic(Path(index_path(str(folder), name)), index.to_json())
    return f"{folder}/{name}"
