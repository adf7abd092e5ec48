"""Which frames of a set are looked at."""

import numpy as np
import pytest

from tests.gap.made_tokens import make_clips, make_stills
from tests.made_sets import make_sample, make_set
from vsda.errors import ShardError
from vsda.gap.frames import draw_compared, draw_frames
from vsda.shards.read import RandomAccessShards


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """Sequences of 1, 2 and 7 frames in one shard, and ten of one frame in another."""
    lengths = [1, 2, 7, *[1] * 10]
    names = [f"clip{i:02d}" for i, length in enumerate(lengths) for _ in range(length)]
    samples = [make_sample(i, size_px=32, sequence=name) for i, name in enumerate(names)]
    return RandomAccessShards(make_set(tmp_path_factory.mktemp("uneven"), "videos", samples))


def test_sequences_give_equally_many_frames(uneven):
    assert np.bincount(draw_frames(uneven, 13, 0).groups).tolist() == [1] * 13
    counts = np.bincount(draw_frames(uneven, 16, 0).groups).tolist()
    assert counts == [1, 2, 3, *[1] * 10]


def test_small_set_is_taken_whole(uneven):
    assert draw_frames(uneven, 99, 0).positions.tolist() == list(range(20))


def test_draw_follows_from_the_seed(uneven):
    first, again, other = (draw_frames(uneven, 5, seed).positions.tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert first == sorted(set(first))


def test_same_set_twice_is_two_halves(tmp_path):
    images = make_stills(tmp_path, 12)
    compared = draw_compared(images, images, 99, 0)
    halves = [set(each.positions.tolist()) for each in (compared.images, compared.videos)]
    assert compared.is_control
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == set(range(12))
    assert not draw_compared(images, make_clips(tmp_path), 9, 0).is_control


def test_one_picture_is_too_few(tmp_path):
    with pytest.raises(ShardError, match="1 samples of this set are too few of them; give a set"):
        draw_compared(make_stills(tmp_path), make_stills(tmp_path, 1, "one"), 9, 0)
