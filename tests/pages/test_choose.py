import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pages.conftest import DOG_BOX, shown
from tests.shards.frames import make_set
from vsda.pages.choose import Wish, allot, choose, evenly, spread_order
from vsda.shards.read import RandomAccessShards


def chosen(shard_set, **wish):
    shards = RandomAccessShards(shard_set)
    return [shards.entry(p).key for p in choose(shard_set.index, shards, Wish(**wish))]


def stills(folder, class_ids, per_shard=50):
    samples = [shown(number, None, class_id) for number, class_id in enumerate(class_ids)]
    shards = [samples[start : start + per_shard] for start in range(0, len(samples), per_shard)]
    return make_set(folder, shards, name="coco-val")


def test_even_positions_have_the_same_gap_before_and_after():
    assert evenly(10, 5) == [1, 3, 5, 7, 9]
    assert evenly(3, 3) == [0, 1, 2]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(1, 200))
def test_shares_use_up_the_number_and_leave_nobody_out(sizes, number):
    shares = allot(sizes, number)
    assert sum(shares) == min(number, sum(sizes))
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))
    assert number < len(sizes) or min(shares) >= 1


@given(st.integers(0, 300))
def test_the_spread_order_holds_each_position_once(size):
    assert sorted(spread_order(size)) == list(range(size))


def test_the_spread_order_halves_first():
    assert list(spread_order(8)) == [0, 4, 2, 6, 1, 5, 3, 7]


def test_every_sequence_is_seen_even_a_short_one(tmp_path):
    long = [shown(number, "long") for number in range(40)]
    index = make_set(tmp_path, [[*long, shown(0, "short")], [shown(0, "tiny")]])
    keys = chosen(index, num_samples=6)
    assert len(keys) == 6
    assert {key.split("/")[1] for key in keys} == {"long", "short", "tiny"}


def test_with_fewer_samples_than_sequences_they_are_spread_over_them(tmp_path):
    shard_set = make_set(tmp_path, [[shown(0, f"s{number}") for number in range(9)]])
    assert [key.split("/")[1] for key in chosen(shard_set, num_samples=3)] == ["s1", "s4", "s7"]


def test_a_rare_class_is_seen_and_the_number_stays(tmp_path):
    # evenly spread would be 12, 37, 62, 87
    shard_set = stills(tmp_path, [1] * 90 + [18] + [1] * 9)
    keys = chosen(shard_set, num_samples=4)
    assert [int(key.split("/")[-1]) for key in keys] == [12, 37, 62, 90]


def test_a_rare_class_does_not_drive_out_the_only_frame_of_another(tmp_path):
    # evenly spread would be 5 and 16; car takes the place of 5, then nothing is left for dog
    shard_set = stills(tmp_path, [1] * 10 + [3] + [1] * 10 + [18])
    keys = chosen(shard_set, num_samples=2)
    assert [int(key.split("/")[-1]) for key in keys] == [10, 16]


def test_a_class_that_only_a_box_shows_is_seen(tmp_path):
    frames = [shown(number, "clip", masked=False) for number in range(30)]
    frames[7] = shown(7, "clip", masked=False, boxes=(DOG_BOX,))
    assert "davis/clip/00007" in chosen(make_set(tmp_path, [frames]), num_samples=3)


def test_a_named_sequence_comes_whole_up_to_the_number_from_its_start(everything):
    assert chosen(everything, sequences=("bear",)) == [f"davis/bear/0000{n}" for n in range(4)]
    assert chosen(everything, sequences=("bear",), num_samples=2) == [
        "davis/bear/00000",
        "davis/bear/00001",
    ]


def test_named_classes_leave_only_samples_that_show_them(everything, tmp_path):
    assert chosen(everything, classes=(3,)) == ["davis/cows/00002"]
    assert len(chosen(everything, classes=(3, 18))) == 4
    assert chosen(everything, classes=(90,)) == []
    rare = stills(tmp_path, ([1] * 9 + [3]) * 10)
    assert [int(key.split("/")[-1]) % 10 for key in chosen(rare, classes=(3,))] == [9] * 10


def test_of_many_samples_of_a_class_some_from_all_over_are_taken(tmp_path):
    keys = chosen(stills(tmp_path, [3] * 64), classes=(3,), num_samples=4)
    assert [int(key.split("/")[-1]) for key in keys] == [0, 16, 32, 48]


def test_a_class_and_a_sequence_together_narrow_both(everything):
    assert chosen(everything, classes=(3,), sequences=("bear",)) == []
    assert chosen(everything, classes=(3,), sequences=("cows",)) == ["davis/cows/00002"]


@pytest.mark.parametrize("number", [1, 5, 1000])
def test_never_more_than_wished_and_in_order(everything, number):
    keys = chosen(everything, num_samples=number)
    assert len(keys) == min(number, 10)
