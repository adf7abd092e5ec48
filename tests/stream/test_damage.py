"""Samples that cannot be read: told, or replaced by others that a resumed run draws again."""

import pytest
import torch

from tests.stream.made_clips import frames, joined, numbers, stills
from tests.training.small import NO_AUGMENTATION
from vsda.errors import ShardError, VsdaError
from vsda.recipes.train import TrainRecipe
from vsda.shards.read import RandomAccessShards
from vsda.stream.clips import ClipShape
from vsda.stream.damage import MAX_ATTEMPTS, Damage, replacement
from vsda.stream.domains import DomainSets, Place, stream_domains
from vsda.stream.loader import Joined
from vsda.stream.order import Draw
from vsda.stream.samples import Look, Samples
from vsda.stream.transforms import Augmentation
from vsda.taxonomy import class_set

CLASSES = class_set("person,dog")
LOOK = Look(size_px=32, augmentation=Augmentation(), seed=(0, 0))
SETTINGS = {
    "size_px": 32,
    "batch_images": 4,
    "batch_videos": 3,
    "steps": 6,
    "workers": 0,
    "damaged": "skip",
    "augmentation": NO_AUGMENTATION,
}


def spoil(tar, *fields):
    """Overwrite the first bytes of these members of a tar."""
    data = bytearray(tar.read_bytes())
    for field in fields:
        start = data.index(f"{field}".encode()) // 512 * 512 + 512
        data[start : start + 64] = bytes(64)
    tar.write_bytes(data)


def drawn(samples, *positions):
    """Return the numbers of the frames that came of draws of `positions`, and what was damaged."""
    tensors, damaged = samples.__getitems__(
        [Draw(i, position) for i, position in enumerate(positions)]
    )
    return numbers(tensors[0]), damaged


def batches(sets, start_step=0, **settings):
    recipe = TrainRecipe.model_validate(SETTINGS | settings)
    return list(stream_domains(recipe, CLASSES, sets, Place(start_step=start_step)))


def test_a_damaged_sample_ends_the_run_unless_it_may_be_skipped(tmp_path):
    shards = joined(tmp_path, stills(5))
    spoil(tmp_path / "clips-000000.tar", "00002.jpg")
    with pytest.raises(ShardError, match="made/stills/00002: an image of"):
        Samples(shards, LOOK).__getitems__([Draw(0, 2)])


@pytest.mark.parametrize("field", ["jpg", "seg.png"])
def test_a_damaged_sample_is_replaced_by_another_one_and_told(tmp_path, field):
    shards = joined(tmp_path, stills(5))
    spoil(tmp_path / "clips-000000.tar", f"00002.{field}")
    samples = Samples(shards, LOOK, CLASSES, skip_damaged=True)
    found, (damage,) = drawn(samples, 1, 2, 3)
    assert found[::2] == [1, 3]
    assert found[1] in {0, 1, 3, 4}
    assert damage.key == "made/stills/00002"
    assert "cannot be decoded" in damage.message


def test_a_sample_that_lies_elsewhere_than_its_index_says_is_replaced(tmp_path):
    shards = joined(tmp_path, stills(5))
    tar = tmp_path / "clips-000000.tar"
    tar.write_bytes(tar.read_bytes().replace(b"00002.jpg", b"00009.jpg"))
    found, (damage,) = drawn(Samples(shards, LOOK, skip_damaged=True), 2)
    assert found != [2]
    assert damage == Damage("made/stills/00002", damage.message)
    assert "is not where the .idx says" in damage.message


def test_a_clip_with_a_damaged_frame_is_replaced_as_a_whole(tmp_path):
    shards = joined(tmp_path, frames("bear", 4), frames("cows", 9)[5:])
    spoil(tmp_path / "clips-000000.tar", "00003.jpg")
    look = Look(size_px=32, augmentation=Augmentation(), seed=(0, 0), clip=ClipShape(frames=4))
    (clip,), damaged = drawn(Samples(shards, look, skip_damaged=True), 0)
    assert clip == [5, 6, 7, 8]
    assert {each.key for each in damaged} == {"made/bear/00003"}


def test_what_replaces_a_sample_follows_from_the_draw_and_the_seed():
    def place(index=0, attempt=1, seed=0):
        return replacement(Draw(index, 3), attempt, 1000, (seed, 0)).position

    assert place() == place()
    assert len({place(), place(index=1), place(attempt=2), place(seed=1)}) == 4


def test_replacements_fill_the_whole_set():
    places = {replacement(Draw(index, 0), 1, 7, (0, 0)).position for index in range(200)}
    assert places == set(range(7))


def test_a_replaced_sample_is_changed_as_the_damaged_one_would_have_been():
    assert replacement(Draw(17, 3), 1, 5, (0, 0)).index == 17


def test_a_set_that_is_damaged_as_a_whole_ends_the_run(tmp_path):
    shards = joined(tmp_path, stills(5))
    spoil(tmp_path / "clips-000000.tar", *(f"{number:05d}.jpg" for number in range(5)))
    others = MAX_ATTEMPTS - 1
    with pytest.raises(ShardError, match=f"00002: .*; nor can {others} others be read that were"):
        drawn(Samples(shards, LOOK, skip_damaged=True), 2)


def test_a_shard_that_is_missing_is_skipped_and_named(tmp_path):
    shards = joined(tmp_path, stills(3), stills(6)[3:])
    (tmp_path / "clips-000001.tar").unlink()
    found, damaged = drawn(Samples(shards, LOOK, skip_damaged=True), 0, 4)
    assert found[0] == 0
    assert set(found) <= {0, 1, 2}
    assert damaged[0].key == "made/stills/00004"
    assert "clips-000001.tar: missing" in damaged[0].message


def test_a_sample_whose_index_is_missing_is_named_by_its_place(tmp_path):
    shards = joined(tmp_path, stills(3), stills(6)[3:])
    (tmp_path / "clips-000001.idx").unlink()
    _, damaged = drawn(Samples(shards, LOOK, skip_damaged=True), 4)
    assert damaged[0].key == f"{tmp_path}/clips[4]"


def test_a_server_that_is_out_of_reach_ends_the_run_at_once(tmp_path):
    """Other samples would not be read either: nothing is tried in vain."""

    class OutOfReach(RandomAccessShards):
        reads = 0

        def read_several(self, wanted):
            OutOfReach.reads += 1
            raise VsdaError("https://host/clips-000000.tar: cannot be read: timed out")

    sets = Joined([OutOfReach(joined(tmp_path, stills(5)).sets[0].shard_set)])
    with pytest.raises(VsdaError, match="timed out"):
        drawn(Samples(sets, LOOK, skip_damaged=True), 2)
    assert OutOfReach.reads == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_tells_the_damage_of_all_its_streams(tmp_path, workers):
    sets = DomainSets(
        images=joined(tmp_path, stills(4), name="images"),
        videos=joined(tmp_path, frames("cows", 3), name="videos"),
    )
    spoil(tmp_path / "images-000000.tar", "00001.jpg")
    spoil(tmp_path / "videos-000000.tar", "00002.jpg")
    for batch in batches(sets, workers=workers):
        keys = [each.key for each in batch.damaged]
        assert set(keys) == {"made/stills/00001", "made/cows/00002"}
        assert 1 not in numbers(batch.images.pictures)
        assert 2 not in numbers(batch.videos.pictures)


def test_a_resumed_run_replaces_the_same_samples_by_the_same_others(tmp_path):
    sets = DomainSets(images=joined(tmp_path, stills(9), name="images"))
    spoil(tmp_path / "images-000000.tar", "00001.jpg", "00006.jpg")
    undisturbed, resumed = batches(sets), batches(sets, start_step=2)
    assert any(batch.damaged for batch in resumed)
    for one, other in zip(undisturbed[2:], resumed, strict=True):
        assert torch.equal(one.images.pictures, other.images.pictures)
        assert one.damaged == other.damaged
