"""What a run should be told of its sets before it streams them."""

import logging
from collections.abc import Iterable

import numpy as np

from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import ClipShape, Sequences

logger = logging.getLogger(__name__)


def tell_left_out(shards: RandomAccessShards, labelled: Iterable[int]) -> None:
    """Say how many samples of a set are never drawn, as they are not among the `labelled` ones."""
    lacks = np.ones(len(shards), dtype=bool)
    lacks[np.fromiter(labelled, dtype=np.int64)] = False
    if not lacks.any():
        return
    logger.info(
        "%s: %d of %d samples have no seg.png, so they are never drawn for their labels; the first "
        "is %s",
        place_of(shards),
        lacks.sum(),
        len(shards),
        shards.entry(int(lacks.argmax())).key,
    )


def tell_short(shards: RandomAccessShards, sequences: Sequences, shape: ClipShape) -> None:
    """Say how many sequences of a set are too short to fill a clip."""
    lengths = sequences.lengths()
    span = (shape.frames - 1) * shape.stride + 1
    num_short = int((lengths < span).sum())
    if not num_short:
        return
    share = "none is" if num_short == len(lengths) else f"{num_short} of {len(lengths)} are not"
    logger.log(
        logging.WARNING if num_short == len(lengths) else logging.INFO,
        "%s: of its sequences %s as long as a clip, %d frames; a clip of a short one repeats its "
        "last frame, without the labels",
        place_of(shards),
        share,
        span,
    )


def place_of(shards: RandomAccessShards) -> str:
    """Return where a set lies."""
    return f"{shards.shard_set.folder}/{shards.shard_set.index.name}"
