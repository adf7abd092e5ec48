import io
import os
import pickle
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shards.frames import changed_index, copy_files, cuts, flipped, frame, jpeg, make_set
from vsda.errors import ShardError
from vsda.shards.index import ShardSet
from vsda.shards.masks import decode_mask, encode_mask
from vsda.shards.read import RandomAccessShards, decode_image, iterate_samples
from vsda.shards.tars import OpenTars

TAR = "davis-train-000001.tar"
IDX = "davis-train-000001.idx"


def same(first, second):
    """Whether two samples are equal; arrays have no truth value of their own."""
    masks = [(first.seg, second.seg), (first.inst, second.inst)]
    equal = [a is b is None or np.array_equal(a, b) for a, b in masks]
    rest = (first.key, first.jpg, first.facts) == (second.key, second.jpg, second.facts)
    return rest and all(equal)


def written():
    return [
        frame(0),
        frame(1),
        frame(0, "cows", seg=None, inst=None),
        frame(1, "cows"),
        frame(5, "cows"),
        frame(7, "dog-agility"),
    ]


class TestInOrder:
    def test_all_samples_come_back_in_order(self, davis):
        read = list(iterate_samples(davis))
        assert len(read) == 6
        assert all(same(*pair) for pair in zip(read, written(), strict=True))

    def test_a_set_on_a_url_is_read(self, davis, memory):
        copy_files(davis.folder, memory)
        read = list(iterate_samples(ShardSet(davis.index, memory)))
        assert all(same(*pair) for pair in zip(read, written(), strict=True))

    def test_a_set_on_http_is_read(self, davis, serve):
        read = list(iterate_samples(ShardSet(davis.index, serve(davis.folder))))
        assert [sample.key for sample in read] == [sample.key for sample in written()]

    def test_every_cut_is_found_before_a_sample_of_the_shard_is_given_out(self, davis, tmp_path):
        data = (tmp_path / TAR).read_bytes()
        for size in cuts(len(data)):
            (tmp_path / TAR).write_bytes(data[:size])
            keys = []
            with pytest.raises(ShardError, match=rf"{TAR}: {size} bytes, its index says"):
                keys.extend(sample.key for sample in iterate_samples(davis))
            assert all(key.startswith("davis/bear/") for key in keys)

    def test_flipped_bits_are_found(self, davis, tmp_path):
        data = (tmp_path / TAR).read_bytes()
        for bit in random.Random(0).sample(range(8 * len(data)), 100):
            (tmp_path / TAR).write_bytes(flipped(data, bit))
            with pytest.raises(ShardError, match=f"{TAR}: its hash is not the one in the index"):
                list(iterate_samples(davis))

    def test_a_missing_tar_is_named(self, davis, tmp_path):
        (tmp_path / TAR).unlink()
        with pytest.raises(ShardError, match=f"{TAR}: missing; `vsda shards repair` mends the set"):
            list(iterate_samples(davis))

    def test_another_number_of_samples_than_the_index_says_is_an_error(self, davis):
        lying = changed_index(davis, 1, nsamples=4)
        with pytest.raises(ShardError, match=f"{TAR}: 3 samples, its index says 4"):
            list(iterate_samples(lying))


class TestRandomAccess:
    def test_positions_follow_the_order_of_the_shards(self, davis):
        shards = RandomAccessShards(davis)
        assert len(shards) == 6
        for position, sample in enumerate(written()):
            assert shards.entries[position].key == sample.key
            read = shards.read(position, ("jpg", "json"))
            assert read == {"jpg": sample.jpg, "json": sample.facts.to_json()}

    def test_any_choice_and_order_of_fields_can_be_read(self, davis):
        shards, sample = RandomAccessShards(davis), written()[3]
        whole = {
            "seg.png": encode_mask(sample.seg),
            "inst.png": encode_mask(sample.inst),
            "jpg": sample.jpg,
        }
        assert shards.read(3, ("seg.png", "jpg", "inst.png")) == whole
        assert shards.read(3, ("seg.png",)) == {"seg.png": whole["seg.png"]}
        assert shards.read(3, ()) == {}

    def test_several_samples_are_what_they_are_one_by_one(self, davis):
        shards = RandomAccessShards(davis)
        wanted = {5: ("jpg",), 0: ("json", "seg.png"), 3: ("inst.png",), 2: ("jpg",), 4: ("jpg",)}
        alone = {position: shards.read(position, fields) for position, fields in wanted.items()}
        assert shards.read_several(wanted) == alone
        assert shards.read_several({}) == {}

    def test_neighbours_are_one_read_and_distant_samples_are_not(self, tmp_path, monkeypatch):
        large = [frame(number, jpg=bytes(150_000)) for number in range(6)]
        shards = RandomAccessShards(make_set(tmp_path, [large[:4], large[4:]]))
        sizes = []
        read = OpenTars.read

        def counted(tars, shard, offset, size):
            sizes.append(size)
            return read(tars, shard, offset, size)

        monkeypatch.setattr(OpenTars, "read", counted)
        shards.read_several(dict.fromkeys(range(3), ("jpg",)))
        assert len(sizes) == 1
        shards.read_several(dict.fromkeys((3, 4), ("jpg",)))  # of two shards
        assert len(sizes) == 3
        shards.read_several(dict.fromkeys((0, 3), ("jpg",)))  # 300 kB that nobody wants between
        assert len(sizes) == 5
        assert max(sizes[1:]) < 151_000

    def test_entries_tell_the_shard_and_the_fields(self, davis):
        entries = RandomAccessShards(davis).entries
        assert [entry.shard for entry in entries] == [0, 0, 1, 1, 1, 2]
        assert list(entries[2].fields) == ["jpg", "json"]
        assert list(entries[3].fields) == ["inst.png", "jpg", "json", "seg.png"]

    def test_entries_are_a_sequence(self, davis):
        entries = RandomAccessShards(davis).entries
        assert len(entries) == 6
        assert entries[-1] == entries[5]
        assert entries[1:3] == [entries[1], entries[2]]
        for position in (6, -7):
            with pytest.raises(IndexError, match="outside of a set of 6 samples"):
                entries[position]

    def test_no_position_outside_of_the_set_is_read(self, davis):
        for position in (-1, 6):
            with pytest.raises(IndexError, match=f"position {position} is outside"):
                RandomAccessShards(davis).read(position, ("jpg",))

    def test_files_are_opened_when_they_are_needed(self, davis, tmp_path):
        shards = RandomAccessShards(davis)
        (tmp_path / IDX).unlink()
        assert len(shards) == 6
        assert shards.read(0, ("jpg",)) == {"jpg": written()[0].jpg}
        with pytest.raises(ShardError, match=f"{IDX}: missing"):
            shards.read(2, ("jpg",))

    def test_an_idx_is_parsed_once(self, davis, tmp_path):
        shards = RandomAccessShards(davis)
        shards.read(2, ("jpg",))
        (tmp_path / IDX).unlink()
        assert shards.read(4, ("jpg",)) == {"jpg": written()[4].jpg}

    def test_a_pickle_keeps_the_tables_and_leaves_the_open_files(self, davis, tmp_path):
        shards = RandomAccessShards(davis)
        shards.read(2, ("jpg",))
        (tmp_path / IDX).unlink()
        again = pickle.loads(pickle.dumps(shards))
        assert again.read(3, ("jpg",)) == {"jpg": written()[3].jpg}

    def test_reading_goes_on_when_more_tars_are_used_than_may_be_open(self, davis, monkeypatch):
        monkeypatch.setattr("vsda.shards.tars.MAX_OPEN_TARS", 1)
        shards = RandomAccessShards(davis)
        for position in (0, 2, 5, 1, 3, 5, 0):
            assert shards.read(position, ("jpg",)) == {"jpg": written()[position].jpg}
        links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
        assert len([link for link in links if link.startswith(davis.folder)]) == 1

    @pytest.mark.parametrize("start", ["fork", "spawn"])
    def test_worker_processes_read_the_same(self, davis, start):
        data = pytest.importorskip("torch.utils.data")
        rows = _Rows(RandomAccessShards(davis))
        assert rows[0] == written()[0].jpg
        loader = data.DataLoader(
            rows, batch_size=None, num_workers=2, multiprocessing_context=start
        )
        assert list(loader) == [sample.jpg for sample in written()]

    def test_a_set_on_a_url_is_read(self, davis, memory):
        copy_files(davis.folder, memory)
        shards = RandomAccessShards(ShardSet(davis.index, memory))
        assert shards.read(3, ("jpg",)) == {"jpg": written()[3].jpg}

    def test_a_set_on_http_is_read_by_ranges(self, davis, serve):
        shards = RandomAccessShards(ShardSet(davis.index, serve(davis.folder)))
        for position in (5, 0, 3):
            assert shards.read(position, ("jpg",)) == {"jpg": written()[position].jpg}

    def test_a_server_without_ranges_is_named(self, davis, serve):
        shards = RandomAccessShards(ShardSet(davis.index, serve(davis.folder, False)))
        with pytest.raises(ShardError, match="or its server ignores ranges"):
            shards.read(3, ("jpg",))

    def test_a_missing_field_is_named_with_key_and_shard(self, davis):
        message = rf"{TAR}: davis/cows/00000 has no seg.png, inst.png; it has jpg, json"
        with pytest.raises(ShardError, match=message):
            RandomAccessShards(davis).read(2, ("jpg", "seg.png", "inst.png"))

    def test_every_cut_of_a_tar_is_found(self, davis, tmp_path):
        data = (tmp_path / TAR).read_bytes()
        for size in cuts(len(data)):
            (tmp_path / TAR).write_bytes(data[:size])
            with pytest.raises(ShardError, match=f"{TAR}: {size} bytes, its index says"):
                RandomAccessShards(davis).read(2, ("jpg",))

    def test_a_tar_that_is_cut_while_it_is_open_is_found(self, davis, tmp_path):
        shards = RandomAccessShards(davis)
        shards.read(2, ("jpg",))
        os.truncate(tmp_path / TAR, 600)
        with pytest.raises(ShardError, match=f"{TAR}: asked for .* bytes at .*, got 0"):
            shards.read(4, ("jpg",))

    def test_an_idx_of_another_shard_is_found(self, davis, tmp_path):
        shutil.copy(tmp_path / "davis-train-000000.idx", tmp_path / IDX)
        with pytest.raises(ShardError, match=f"{IDX}: its hash is not the one in the index"):
            RandomAccessShards(davis).entry(2)

    def test_an_idx_with_other_totals_than_the_index_is_found(self, davis):
        lying = changed_index(davis, 1, nsamples=4)
        with pytest.raises(ShardError, match=f"{IDX}: 3 samples, its index says 4"):
            RandomAccessShards(lying).entry(2)


class _Rows:
    """A map-style dataset over one field."""

    def __init__(self, shards):
        self.shards = shards

    def __len__(self):
        return len(self.shards)

    def __getitem__(self, position):
        return self.shards.read(position, ("jpg",))["jpg"]


class TestDecode:
    def test_an_image_is_rgb(self):
        image = decode_image(jpeg(3))
        assert image.shape == (4, 6, 3)
        assert image.dtype == np.uint8
        assert np.array_equal(np.unique(image), [60])

    def test_a_grey_picture_becomes_rgb(self):
        mask = np.full((2, 3), 7, dtype=np.uint8)
        assert np.array_equal(decode_image(encode_mask(mask)), np.full((2, 3, 3), 7))

    def test_an_array_can_be_written_to(self):
        decode_mask(encode_mask(np.zeros((2, 3), np.uint8)))[:] = 1
        decode_image(jpeg(0))[:] = 1

    def test_a_colour_picture_is_no_mask(self):
        data = io.BytesIO()
        Image.new("RGB", (2, 3)).save(data, "PNG")
        with pytest.raises(ShardError, match="as 8-bit grey PNG, got mode RGB"):
            decode_mask(data.getvalue())

    def test_a_grey_jpeg_is_no_mask_since_its_values_are_not_those_that_were_written(self):
        data = io.BytesIO()
        Image.new("L", (2, 3)).save(data, "JPEG")
        with pytest.raises(ShardError, match="cannot be decoded: the file is something else"):
            decode_mask(data.getvalue())

    def test_cut_pictures_cannot_be_decoded(self):
        for data, decode in [(jpeg(0), decode_image), (encode_mask(frame(0).seg), decode_mask)]:
            for size in range(len(data) // 2):
                with pytest.raises(ShardError, match=f"a picture of {size} bytes cannot be"):
                    decode(data[:size])

    def test_damaged_pictures_raise_no_other_error(self):
        for data, decode in [(jpeg(0), decode_image), (encode_mask(frame(0).seg), decode_mask)]:
            for bit in range(8 * len(data)):
                try:
                    decode(flipped(data, bit))
                except ShardError:
                    continue


def test_a_set_of_one_sample_is_read(tmp_path):
    shard_set = make_set(tmp_path, [[frame(0)]])
    assert [sample.key for sample in iterate_samples(shard_set)] == ["davis/bear/00000"]
