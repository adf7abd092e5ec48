"""Which frames are predicted together."""

import pytest

from tests.stream.made_clips import frames, opened, stills
from vsda.errors import ShardError
from vsda.evaluation.cuts import Cut, batched, clips, single_pictures
from vsda.stream.clips import ClipShape

FOUR = ClipShape(frames=4)


def plain(cuts):
    return [(list(cut.positions), list(cut.kept)) for cut in cuts]


def test_sequences_are_cut_one_by_one(tmp_path):
    shards = opened(tmp_path, [*frames("bear", 6), *frames("cows", 3)], stills(1))
    assert plain(clips(shards, range(10), FOUR)) == [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([2, 3, 4, 5], [4, 5]),
        ([6, 7, 8], [6, 7, 8]),
        ([9], [9]),
    ]


def test_clips_without_a_wanted_frame_are_left_out(tmp_path):
    shards = opened(tmp_path, frames("bear", 14), frames("cows", 5))
    assert plain(clips(shards, [13, 5], FOUR)) == [
        ([4, 5, 6, 7], [5]),
        ([10, 11, 12, 13], [13]),
    ]


def test_a_frame_is_kept_in_the_same_clip_whatever_else_is_wanted(tmp_path):
    shards = opened(tmp_path, frames("bear", 11), frames("cows", 7))
    shape = ClipShape(frames=3, stride=2)
    everything = {place: cut for cut in clips(shards, range(18), shape) for place in cut.kept}
    assert sorted(everything) == list(range(18))
    for position in range(18):
        (cut,) = clips(shards, [position], shape)
        assert cut.positions == everything[position].positions


def test_a_set_that_contradicts_itself_is_refused(tmp_path):
    bear = frames("bear", 4)
    with pytest.raises(ShardError, match="lie in several places"):
        list(clips(opened(tmp_path, bear[:2], bear[2:]), range(4), FOUR))


def test_single_pictures_keep_their_order():
    assert plain(single_pictures([4, 2])) == [([4], [4]), ([2], [2])]


def test_batches_hold_clips_of_one_length():
    lengths = [4, 4, 4, 3, 4, 1, 1]
    cuts = [Cut(range(length), ()) for length in lengths]
    found = [[len(cut.positions) for cut in batch] for batch in batched(cuts, 2)]
    assert found == [[4, 4], [4], [3], [4], [1, 1]]
