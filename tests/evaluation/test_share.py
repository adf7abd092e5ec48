"""Sets that several processes judge together."""

import pytest

from tests.stream.made_clips import frames, opened, stills
from tests.training.small import NETWORKS, small_recipe
from vsda.errors import ShardError
from vsda.evaluation.share import from_all, num_frames, parts_of, share_of
from vsda.stream.clips import labelled_positions

RECIPES = {
    "pictures": small_recipe(network=NETWORKS["swin_upernet"]),
    "clips": small_recipe(network=NETWORKS["video_swin_upernet"] | {"clip_frames": 4}),
}


@pytest.fixture
def shards(tmp_path):
    lengths = {"a": 9, "b": 3, "c": 12, "d": 1, "e": 7}
    return opened(
        tmp_path, *([frames(name, length) for name, length in lengths.items()] + [stills(5)])
    )


def parts(recipe, shards, monkeypatch, size):
    monkeypatch.setattr("vsda.evaluation.share._PART_FRAMES", size)
    return list(parts_of(RECIPES[recipe], shards, labelled_positions(shards)))


def kept(batches):
    return [position for batch in batches for cut in batch for position in cut.kept]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("size", [1, 10, 1_000])
def test_a_part_holds_whole_sequences(shards, monkeypatch, recipe, size):
    found = parts(recipe, shards, monkeypatch, size)
    places = {position: n for n, part in enumerate(found) for position in kept(part)}
    assert sorted(places) == list(range(len(shards)))
    sequences = {}
    for position in range(32):
        folder = shards.entry(position).key.rpartition("/")[0]
        sequences.setdefault(folder, set()).add(places[position])
    assert len(sequences) == 5
    assert all(len(numbers) == 1 for numbers in sequences.values())
    if size == 1:
        assert len(found) == 5 + 5  # each still image is a part of its own


@pytest.mark.parametrize("world_size", [1, 2, 3, 40])
def test_shares_are_all_of_the_set_and_do_not_overlap(shards, monkeypatch, world_size):
    found = parts("pictures", shards, monkeypatch, 1)
    shares = [share_of(found, rank, world_size) for rank in range(world_size)]
    assert [position for share in shares for position in kept(share)] == list(range(len(shards)))
    if world_size == 2:
        assert [num_frames(share) for share in shares] == [24, 13]


def test_what_is_predicted_at_once_does_not_depend_on_the_number_of_processes(shards, monkeypatch):
    found = parts("clips", shards, monkeypatch, 10)
    whole = share_of(found, 0, 1)
    assert [batch for rank in range(3) for batch in share_of(found, rank, 3)] == whole


def test_an_empty_set_is_shared_too():
    assert share_of([], 0, 2) == []


def test_one_process_gives_its_own():
    def fail():
        raise ShardError("cut")

    assert from_all(None, lambda: 7) == [7]
    with pytest.raises(ShardError, match="cut"):
        from_all(None, fail)
