"""What the tests of the pages share: a set with everything on it, and places on URLs."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.places import memory, serve  # noqa: F401  fixtures
from tests.shards.frames import frame, make_set
from vsda.sample import legal_key

WIDTH_PX, HEIGHT_PX = 64, 40
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&quot;'\"é"
DOG_BOX = {"class": 18, "presence": "present", "object_id": "0"} | {
    "xmin": 0.5,
    "xmax": 1.0,
    "ymin": 0.0,
    "ymax": 0.5,
}
NO_CAR = {"class": 3, "presence": "absent", "object_id": "1"}


def picture(number):
    pixels = np.full((HEIGHT_PX, WIDTH_PX, 3), 9 * number % 256, dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG")
    return data.getvalue()


def shown(number, sequence, class_id=1, *, masked=True, boxes=(), **facts):
    """A frame of 64x40: `class_id` in the left quarter, void in the lowest row."""
    seg = np.zeros((HEIGHT_PX, WIDTH_PX), dtype=np.uint8)
    seg[:, :16] = class_id
    inst = (seg > 0).astype(np.uint8) * 2
    seg[-1] = 255
    plain = frame(number, sequence)
    known = replace(
        plain.facts,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        labelled=masked,
        classes=(class_id,) if masked else (),
        boxes=boxes,
        **facts,
    )
    return replace(
        plain,
        key=legal_key("davis", sequence or "still", f"{number:05d}"),
        jpg=picture(number),
        seg=seg if masked else None,
        inst=inst if masked else None,
        facts=known,
    )


@pytest.fixture(scope="session")
def everything(tmp_path_factory):
    """Three sequences: bear with masks, a hostile one with boxes, cows with neither and a car."""
    folder = tmp_path_factory.mktemp("sets")
    bear = [shown(number, "bear", timestamp_ms=number * 50.0, tick=number) for number in range(4)]
    hostile = [shown(n, HOSTILE, masked=False, boxes=(DOG_BOX, NO_CAR)) for n in range(3)]
    cows = [shown(number, "cows", masked=False) for number in range(2)] + [shown(2, "cows", 3)]
    shard_set = make_set(
        folder,
        [bear, hostile + cows],
        settings={"remap": "coco", "classes": ["dog", HOSTILE], "x" * 90: "y" * 200},
        outcomes={"ok": 10, "missing": 1},
        notes=(HOSTILE,),
    )
    row = '{"key": "davis/gone/00001", "outcome": "missing", "items": 1, "message": "<b>no file"}\n'
    (folder / "davis-train.report.jsonl").write_text(row)
    return shard_set
