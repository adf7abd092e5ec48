"""What the tests of the shards share: a small set, and places on URLs to put it."""

import pytest

from tests.places import memory, serve  # noqa: F401  fixtures
from tests.shards.frames import frame, make_set


@pytest.fixture
def davis(tmp_path):
    """Three shards of two, three and one frames; the third frame has no masks."""
    return make_set(
        tmp_path,
        [
            [frame(0), frame(1)],
            [frame(0, "cows", seg=None, inst=None), frame(1, "cows"), frame(5, "cows")],
            [frame(7, "dog-agility")],
        ],
        settings={"remap": "coco"},
        outcomes={"ok": 6, "left-out": 2},
        notes=("a note",),
    )
