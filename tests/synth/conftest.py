"""A small made-up world, made once for all tests that only look at it."""

import pytest

from vsda.synth.options import WorldOptions
from vsda.synth.world import write_world

SMALL = {
    "num_images": 6,
    "num_val_images": 2,
    "num_videos": 3,
    "num_frames": 3,
    "num_val_videos": 2,
    "num_val_frames": 2,
}


@pytest.fixture(scope="session")
def small_options():
    return WorldOptions(**SMALL)


@pytest.fixture(scope="session")
def world(tmp_path_factory, small_options):
    return write_world(tmp_path_factory.mktemp("synth") / "world", small_options)
