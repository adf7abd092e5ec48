"""Sets of frames large enough to be made smaller, and what tests say of them."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from tests.shards.frames import make_set
from vsda.engine.run import Workers
from vsda.sample import FrameFacts, Sample, legal_key

ONE = Workers(num_workers=1)
WIDTH_PX, HEIGHT_PX = 96, 64


def encode(pixels, quality=95):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality, subsampling=0)
    return data.getvalue()


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def scene(number, sequence="bear", *, width_px=WIDTH_PX, height_px=HEIGHT_PX, **changes):
    """A dark frame with a bright person (1) in its left third, which is object 7; void below."""
    seg = np.zeros((height_px, width_px), dtype=np.uint8)
    seg[:, : width_px // 3] = 1
    inst = np.where(seg == 1, 7, 0).astype(np.uint8)
    noise = np.random.default_rng(number).integers(0, 30, (height_px, width_px, 3))
    pixels = (noise + 200 * (seg == 1)[:, :, None]).astype(np.uint8)
    seg[-height_px // 8 :] = 255
    facts = FrameFacts(
        dataset="davis",
        split="train",
        sequence=sequence,
        frame=f"{number:05d}",
        frame_index=number,
        width_px=width_px,
        height_px=height_px,
        labelled=True,
        classes=(1,),
    )
    key = legal_key("davis", sequence or "still", f"{number:05d}")
    values = {"key": key, "jpg": encode(pixels), "seg": seg, "inst": inst, "facts": facts}
    return Sample(**values | changes)


def with_dot(sample, coco_id=18, row=0, column=0):
    """The frame with one pixel of another class, which is object 9."""
    seg, inst = sample.seg.copy(), sample.inst.copy()
    seg[row, column], inst[row, column] = coco_id, 9
    facts = replace(sample.facts, classes=tuple(sorted({*sample.facts.classes, coco_id})))
    return replace(sample, seg=seg, inst=inst, facts=facts)


def boxed(number, sequence, class_id=3):
    """A frame without masks, with a box."""
    box = {
        "class": class_id,
        "object_id": 0,
        "presence": "present",
        "timestamp_ms": 0,
        "xmin": 0.25,
        "xmax": 0.5,
        "ymin": 0.125,
        "ymax": 1.0,
    }
    plain = scene(number, sequence, seg=None, inst=None)
    facts = replace(plain.facts, labelled=False, classes=(), boxes=(box,))
    return replace(plain, facts=facts)


def make_scenes(folder, name="davis-train", num_shards=3, **fields):
    """A set of a few shards of two sequences of two frames each."""
    shards = [
        [scene(number, f"s{shard}{letter}") for letter in "ab" for number in range(2)]
        for shard in range(num_shards)
    ]
    return make_set(folder, shards, name=name, **fields)
