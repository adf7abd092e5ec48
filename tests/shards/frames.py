"""Small frames and sets of shards made by code, and ways to damage them."""

import io
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
from PIL import Image

from vsda.sample import FrameFacts, Sample, legal_key
from vsda.shards.index import ShardIndex, ShardSet, index_path
from vsda.shards.write import write_shard
from vsda.storage import write_atomic

HEIGHT_PX, WIDTH_PX = 4, 6


def jpeg(number, height_px=HEIGHT_PX, width_px=WIDTH_PX):
    picture = np.full((height_px, width_px, 3), 20 * number % 256, dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG")
    return data.getvalue()


def frame(number, sequence="bear", **changes):
    """A frame whose mask has 24 pixels: one row of person, 2 pixels of void, else background."""
    seg = np.zeros((HEIGHT_PX, WIDTH_PX), dtype=np.uint8)
    seg[1] = 1
    seg[3, :2] = 255
    facts = FrameFacts(
        dataset="davis",
        split="train",
        sequence=sequence,
        frame=f"{number:05d}",
        frame_index=number,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        labelled=True,
        classes=(1,),
    )
    key = legal_key("davis", sequence or "still", f"{number:05d}")
    values = {"key": key, "jpg": jpeg(number), "seg": seg, "inst": seg // 255, "facts": facts}
    return Sample(**values | changes)


def make_set(folder, shards, name="davis-train", **fields):
    """Write each list of samples as one shard, and the index."""
    infos = tuple(
        write_shard(Path(folder) / f"{name}-{number:06d}.tar", samples)
        for number, samples in enumerate(shards)
    )
    index = ShardIndex(name=name, dataset="davis", split="train", shards=infos, **fields)
    write_atomic(Path(index_path(str(folder), name)), index.to_json())
    return ShardSet(index, str(folder))


def copy_files(source, target):
    """Copy the files of a local folder to a URL."""
    for path in Path(source).iterdir():
        with fsspec.open(f"{target}/{path.name}", "wb") as file:
            file.write(path.read_bytes())


def flipped(data, bit):
    """Return `data` with one bit turned."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def cuts(num_bytes):
    """Return every length at a block boundary of a tar and one inside each block."""
    return [*range(0, num_bytes, 512), *range(200, num_bytes, 512)]


def changed_index(shard_set, number, **changes):
    """The set with another index in memory; its files stay."""
    shards = list(shard_set.index.shards)
    shards[number] = replace(shards[number], **changes)
    return ShardSet(replace(shard_set.index, shards=tuple(shards)), shard_set.folder)
