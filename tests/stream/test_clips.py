"""Where clips lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shards.frames import changed_index, frame, make_set
from tests.stream.made_clips import frames, opened, stills
from vsda.errors import ShardError
from vsda.shards.index import SequenceInfo
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import (
    ClipShape,
    Sequences,
    clip_around,
    cut_sequence,
    labelled_positions,
    read_clip,
)

FOUR = ClipShape(frames=4)
SEQUENCES = st.builds(
    lambda start, length: range(start, start + length), st.integers(0, 9), st.integers(1, 30)
)
SHAPES = st.builds(ClipShape, frames=st.integers(1, 6), stride=st.integers(1, 4))


def found(shards):
    """Return the sequences of a set as (start, stop)."""
    sequences = Sequences(shards)
    ranges = [sequences.around(position) for position in range(len(shards))]
    assert all(position in one for position, one in enumerate(ranges))
    return list(dict.fromkeys((one.start, one.stop) for one in ranges))


class TestAround:
    def test_a_clip_starts_at_its_frame(self):
        assert list(clip_around(12, range(10, 20), FOUR)) == [12, 13, 14, 15]

    def test_a_clip_at_the_end_is_moved_forward_until_it_is_whole(self):
        assert list(clip_around(18, range(10, 20), FOUR)) == [16, 17, 18, 19]

    def test_a_sequence_that_is_too_short_gives_all_its_frames(self):
        assert list(clip_around(11, range(10, 13), FOUR)) == [10, 11, 12]

    def test_neighbours_are_a_stride_apart(self):
        shape = ClipShape(frames=3, stride=2)
        assert list(clip_around(11, range(10, 20), shape)) == [11, 13, 15]
        assert list(clip_around(18, range(10, 20), shape)) == [14, 16, 18]
        assert list(clip_around(19, range(10, 20), shape)) == [15, 17, 19]

    @given(SEQUENCES, SHAPES, st.data())
    def test_a_clip_holds_its_frame_and_lies_in_its_sequence(self, sequence, shape, data):
        position = data.draw(st.sampled_from(sequence))
        clip = clip_around(position, sequence, shape)
        assert position in clip
        assert set(clip) <= set(sequence)
        assert clip.step == shape.stride or len(clip) == 1
        on_track = len(sequence[(position - sequence.start) % shape.stride :: shape.stride])
        assert len(clip) == min(shape.frames, on_track)

    @given(SEQUENCES, st.integers(1, 6), st.data())
    def test_a_clip_of_neighbours_starts_at_its_frame_or_as_late_as_it_can(
        self, sequence, length, data
    ):
        position = data.draw(st.sampled_from(sequence))
        clip = clip_around(position, sequence, ClipShape(frames=length))
        assert clip[0] == max(sequence.start, min(position, sequence.stop - length))


class TestCut:
    def test_the_last_clip_reaches_back_and_keeps_its_own_frames(self):
        assert [(list(clip), list(own)) for clip, own in cut_sequence(range(5, 15), FOUR)] == [
            ([5, 6, 7, 8], [5, 6, 7, 8]),
            ([9, 10, 11, 12], [9, 10, 11, 12]),
            ([11, 12, 13, 14], [13, 14]),
        ]

    def test_a_short_sequence_is_one_short_clip(self):
        assert list(cut_sequence(range(5, 8), FOUR)) == [(range(5, 8), range(5, 8))]

    def test_clips_with_a_stride_share_a_stretch(self):
        cut = cut_sequence(range(6), ClipShape(frames=2, stride=2))
        assert [(list(clip), list(own)) for clip, own in cut] == [
            ([0, 2], [0, 2]),
            ([1, 3], [1, 3]),
            ([2, 4], [4]),
            ([3, 5], [5]),
        ]

    @given(SEQUENCES, SHAPES)
    def test_every_frame_is_the_own_one_of_exactly_one_clip(self, sequence, shape):
        cut = list(cut_sequence(sequence, shape))
        assert sorted(position for _, own in cut for position in own) == list(sequence)
        assert all(set(own) <= set(clip) <= set(sequence) for clip, own in cut)

    @given(SEQUENCES, SHAPES)
    def test_clips_are_whole_where_the_sequence_is_long_enough(self, sequence, shape):
        lengths = {len(clip) for clip, _ in cut_sequence(sequence, shape)}
        if len(sequence) >= shape.frames * shape.stride:
            assert lengths == {shape.frames}
        assert max(lengths) <= shape.frames


class TestSequences:
    def test_sequences_follow_each_other_over_all_shards(self, tmp_path):
        shards = opened(tmp_path, [*frames("bear", 3), *frames("cows", 2)], frames("dog", 4))
        assert found(shards) == [(0, 3), (3, 5), (5, 9)]

    def test_a_still_image_is_a_sequence_of_its_own(self, tmp_path):
        assert found(opened(tmp_path, stills(2), stills(3)[2:])) == [(0, 1), (1, 2), (2, 3)]

    def test_still_images_between_sequences_are_told_by_their_keys(self, tmp_path):
        mixed = [*frames("bear", 2), *stills(2), *frames("cows", 3)]
        shards = opened(tmp_path, frames("ant", 2), mixed)
        assert found(shards) == [(0, 2), (2, 4), (4, 5), (5, 6), (6, 9)]

    def test_sequences_of_one_name_in_merged_sets_are_told_by_their_keys(self, tmp_path):
        other = [frame(number, "bear") for number in range(2)]
        shards = opened(tmp_path, frames("bear", 3), other)
        assert {entry.key.split("/")[0] for entry in shards.entries} == {"made", "davis"}
        assert found(shards) == [(0, 3), (3, 5)]

    def test_a_sequence_in_two_shards_is_refused(self, tmp_path):
        bear = frames("bear", 5)
        with pytest.raises(ShardError, match="the frames of made/bear lie in several places"):
            Sequences(opened(tmp_path, bear[:3], bear[3:]))

    def test_more_frames_than_samples_are_refused(self, tmp_path):
        made = make_set(tmp_path, [frames("bear", 3)])
        row = SequenceInfo(name="bear", num_frames=2, classes=())
        wrong = RandomAccessShards(changed_index(made, 0, sequences=(row, row)))
        with pytest.raises(ShardError, match="its sequences have 4 frames, the shard 3 samples"):
            Sequences(wrong)

    def test_sequences_that_the_keys_contradict_are_refused(self, tmp_path):
        made = make_set(tmp_path, [[*frames("bear", 3), *stills(2)]])
        row = SequenceInfo(name="cows", num_frames=3, classes=())
        wrong = RandomAccessShards(changed_index(made, 0, sequences=(row,)))
        with pytest.raises(ShardError, match="3 neighbours are the sequence 'cows', the keys do"):
            Sequences(wrong)


class TestRead:
    def test_frames_come_in_order_with_what_is_wanted(self, tmp_path):
        shards = opened(tmp_path, frames("bear", 4))
        clip = read_clip(shards, {2: ("jpg",), 1: ("jpg", "seg.png"), 0: ("json",)})
        assert [one.key for one in clip] == [f"made/bear/{number:05d}" for number in range(3)]
        assert [sorted(one.fields) for one in clip] == [["json"], ["jpg", "seg.png"], ["jpg"]]
        assert clip[2].fields == shards.read(2, ("jpg",))

    def test_a_field_that_is_wanted_is_missed(self, tmp_path):
        shards = opened(tmp_path, frames("bear", 4, labelled={1}))
        with pytest.raises(ShardError, match=r"made/bear/00002 has no seg\.png"):
            read_clip(shards, dict.fromkeys(range(1, 3), ("seg.png",)))

    def test_a_clip_over_two_sequences_is_refused(self, tmp_path):
        shards = opened(tmp_path, [*frames("bear", 2), *frames("cows", 2)])
        with pytest.raises(ShardError, match="made/cows/00000 and made/bear/00001 in one sequence"):
            read_clip(shards, dict.fromkeys(range(1, 3), ("jpg",)))

    def test_labelled_positions_are_those_with_a_mask(self, tmp_path):
        shards = opened(tmp_path, frames("bear", 4, labelled={1, 3}), stills(1))
        assert labelled_positions(shards) == [1, 3, 4]
