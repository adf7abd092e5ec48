"""Sets of sequences whose pictures say which frame they are, whether flipped, and how bright."""

import io

import numpy as np
from PIL import Image

from tests.shards.frames import make_set
from vsda.sample import FrameFacts, Sample, legal_key
from vsda.shards.read import RandomAccessShards
from vsda.stream.loader import Joined

SIZE_PX = 32
_STEP = 12


def coded(number, sequence="bear", *, labelled=True, size_px=SIZE_PX):
    """Return frame `number`: red tells the number, blue is on the right; person left, dog right."""
    half = size_px // 2
    picture = np.zeros((size_px, size_px, 3), dtype=np.uint8)
    picture[..., 0], picture[:, half:, 2] = 20 + _STEP * number, 200
    seg = np.full((size_px, size_px), 1, dtype=np.uint8)
    seg[:, half:] = 18
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=95, subsampling=0)
    facts = FrameFacts(
        dataset="made",
        split="train",
        sequence=sequence,
        frame=f"{number:05d}",
        frame_index=number,
        width_px=size_px,
        height_px=size_px,
        labelled=labelled,
    )
    key = legal_key("made", sequence or "stills", f"{number:05d}")
    return Sample(
        key=key, jpg=data.getvalue(), seg=seg if labelled else None, inst=None, facts=facts
    )


def frames(sequence, length, labelled=None):
    """Return a sequence's frames; of `labelled`, if given, only those numbers have a mask."""
    return [
        coded(number, sequence, labelled=labelled is None or number in labelled)
        for number in range(length)
    ]


def stills(length):
    """Return labelled still images."""
    return [coded(number, None) for number in range(length)]


def opened(folder, *shards, name="clips"):
    """Write each list of samples as a shard of one set and open it."""
    return RandomAccessShards(make_set(folder, shards, name=name))


def joined(folder, *shards, name="clips"):
    """Return the set of `shards` as a stream takes it."""
    return Joined([opened(folder, *shards, name=name)])


def numbers(pictures):
    """Return which frames are in (..., 3, S, S) pictures that were not changed in brightness."""
    red = pictures[..., 0, :, :].float().mean(dim=(-1, -2))
    return ((red - 20) / _STEP).round().int().tolist()


def is_flipped(pictures):
    """Tell for each of (..., 3, S, S) pictures whether it was flipped."""
    half = pictures.shape[-1] // 2
    blue = pictures[..., 2, :, :].float()
    return (blue[..., :half].mean(dim=(-1, -2)) > blue[..., half:].mean(dim=(-1, -2))).tolist()


def brightness(pictures):
    """Return the brightness (...) of each of (..., 3, S, S) pictures, relative to the original."""
    return pictures[..., 2, :, :].float().amax(dim=(-1, -2)) / 200
