"""Smaller frames: the picture filtered once, masks under it, facts that fit, nothing larger."""

import io
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.fake_worlds import snapshot
from tests.shards.frames import flipped, make_set
from tests.toolbox.scenes import ONE, boxed, decode, encode, make_scenes, scene, with_dot
from vsda.engine.run import Workers
from vsda.errors import ItemError, ShardError, UsageError, VsdaError
from vsda.shards.index import open_set
from vsda.shards.read import iterate_samples
from vsda.shards.verify import verify
from vsda.storage import exclusive, sha256_file
from vsda.toolbox.resize import resize_sets
from vsda.toolbox.smaller import Resize, resize_mask, resize_sample

TO_16 = Resize(short_side_px=16)


def run(source, out, resize=TO_16, **more):
    return resize_sets([str(source)], out, resize, **{"workers": ONE} | more)


def resized(tmp_path, samples, resize=TO_16):
    """Resize a set of one shard; returns what was made and its samples."""
    make_set(tmp_path / "in", [samples])
    (made,) = run(tmp_path / "in", tmp_path / "out", resize)
    return made, list(iterate_samples(open_set(str(tmp_path / "out"))))


class TestSize:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((1920, 1080), (455, 256)),
            ((1080, 1920), (256, 455)),
            ((854, 480), (455, 256)),
            ((300, 300), (256, 256)),
            ((999, 257), (995, 256)),
            ((900, 256), (900, 256)),
            ((200, 100), (200, 100)),
        ],
    )
    def test_the_short_side_gets_its_length_and_the_shape_stays(self, size, expected):
        assert Resize(short_side_px=256).new_size(*size) == expected

    @pytest.mark.parametrize(
        ("size", "expected"),
        [((854, 480), (320, 240)), ((100, 480), (100, 240)), ((320, 240), (320, 240))],
    )
    def test_a_stated_size_is_exact_but_no_side_grows(self, size, expected):
        assert Resize(size_px=(320, 240)).new_size(*size) == expected

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({}, "give either --short-side PIXELS or --size WIDTHxHEIGHT"),
            ({"short_side_px": 8, "size_px": (8, 8)}, "give either --short-side PIXELS or --size"),
            ({"short_side_px": 0}, "a side of 0 pixels: expected 1 or more"),
            ({"size_px": (8, 0)}, "a side of 0 pixels: expected 1 or more"),
            ({"short_side_px": 8, "quality": 0}, "--quality 0: expected 1 to 95"),
            ({"short_side_px": 8, "quality": 96}, "--quality 96: expected 1 to 95"),
        ],
    )
    def test_what_no_frame_can_become_is_refused(self, values, message):
        with pytest.raises(UsageError, match=message):
            Resize(**values)


class TestMask:
    def test_a_new_pixel_has_the_value_under_its_centre(self):
        """Of 6 columns, 4 become: centres at 0.75, 2.25, 3.75, 5.25; of 4 rows, 2: at 1 and 3."""
        mask = np.arange(24, dtype=np.uint8).reshape(4, 6)
        assert resize_mask(mask, (4, 2)).tolist() == [[6, 8, 9, 11], [18, 20, 21, 23]]

    def test_it_is_what_pillow_takes_for_nearest(self):
        mask = np.random.default_rng(0).integers(0, 256, (37, 101), dtype=np.uint8)
        for size in [(31, 7), (64, 36), (100, 37), (1, 1)]:
            expected = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
            assert (resize_mask(mask, size) == np.asarray(expected)).all()

    @pytest.mark.parametrize("axis", [0, 1])
    @pytest.mark.parametrize("edge", range(41, 89, 3))
    def test_an_edge_stays_under_the_edge_of_its_picture(self, edge, axis):
        """Half of a new pixel is what no sampling of a mask can avoid."""
        mask = np.zeros((128, 128), dtype=np.uint8)
        mask[:edge] = 1
        mask = mask if axis == 0 else np.ascontiguousarray(mask.T)
        picture = encode(np.repeat(mask[:, :, None] * np.uint8(255), 3, axis=2))
        facts = replace(scene(0).facts, width_px=128, height_px=128)
        sample = scene(0, jpg=picture, seg=mask, inst=None, facts=facts)
        small = resize_sample(sample, Resize(short_side_px=32, quality=95))
        covered = decode(small.jpg)[:, :, 0].mean() / 255 * 32
        assert abs(covered - edge / 4) < 0.06  # the filter leaves the edge where it was
        assert abs(small.seg.mean() * 32 - covered) <= 0.56


class TestFrame:
    def test_picture_masks_and_facts_have_the_new_size(self, tmp_path):
        _, (small, _) = resized(tmp_path, [scene(0), scene(1)])
        assert decode(small.jpg).shape == (16, 24, 3)
        assert small.seg.shape == small.inst.shape == (16, 24)
        assert (small.facts.width_px, small.facts.height_px) == (24, 16)
        assert replace(small.facts, width_px=96, height_px=64) == scene(0).facts

    def test_no_value_appears_that_was_not_there(self, tmp_path):
        _, (small,) = resized(tmp_path, [scene(0)])
        assert set(np.unique(small.seg)) == {0, 1, 255}
        assert set(np.unique(small.inst)) == {0, 7}

    def test_the_picture_shows_what_the_mask_says(self, tmp_path):
        _, (small,) = resized(tmp_path, [scene(0)])
        bright = decode(small.jpg).mean(axis=2) > 110
        assert (bright == (small.inst == 7)).all()

    def test_fine_stripes_become_grey_and_no_pattern(self):
        stripes = np.zeros((64, 96, 3), dtype=np.uint8)
        stripes[:, ::2] = 254
        small = resize_sample(scene(0, jpg=encode(stripes)), TO_16)
        inside = decode(small.jpg)[2:-2, 2:-2].astype(int)
        assert abs(inside - 127).max() < 12

    def test_a_higher_quality_is_nearer_to_the_picture(self, tmp_path):
        sizes = [
            len(resize_sample(scene(0), Resize(short_side_px=32, quality=quality)).jpg)
            for quality in (50, 90, 95)
        ]
        assert sizes == sorted(set(sizes))

    def test_boxes_stay_as_they_are(self, tmp_path):
        made, (small,) = resized(tmp_path, [boxed(0, "v")])
        assert small.facts.boxes == boxed(0, "v").facts.boxes
        assert (small.seg, small.inst, small.facts.classes) == (None, None, ())
        assert made.index.class_frames == {3: 1}

    def test_a_frame_that_is_small_enough_keeps_its_bytes(self, tmp_path):
        little = scene(1, width_px=20, height_px=16)
        made, samples = resized(tmp_path, [scene(0), little])
        assert samples[1].jpg == little.jpg
        assert samples[1].facts == little.facts
        assert (samples[1].seg == little.seg).all()
        assert made.index.notes == ("1 frames are small enough already and keep their bytes",)

    def test_a_set_that_is_small_enough_keeps_its_tars(self, tmp_path):
        make_scenes(tmp_path / "in")
        run(tmp_path / "in", tmp_path / "out", Resize(short_side_px=64))
        for tar in sorted((tmp_path / "in").glob("*.tar")):
            assert (tmp_path / "out" / tar.name).read_bytes() == tar.read_bytes()

    @pytest.mark.parametrize(("mode", "channels"), [("L", ()), ("CMYK", (3,)), ("RGB", (3,))])
    def test_pictures_of_every_mode_of_jpeg_are_read(self, mode, channels):
        data = io.BytesIO()
        Image.new(mode, (96, 64)).save(data, "JPEG")
        small = resize_sample(scene(0, jpg=data.getvalue()), TO_16)
        assert decode(small.jpg).shape == (16, 24, *channels)

    def test_a_picture_marked_as_turned_stays_under_its_mask_and_loses_the_mark(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        data = io.BytesIO()
        Image.fromarray(decode(scene(0).jpg)).save(data, "JPEG", exif=exif, comment=b"a word")
        small = resize_sample(scene(0, jpg=data.getvalue()), TO_16)
        with Image.open(io.BytesIO(small.jpg)) as picture:
            assert picture.size == (24, 16)
            assert not picture.getexif()
            assert "comment" not in picture.info


class TestLostClasses:
    def test_a_class_that_no_new_pixel_hits_leaves_the_facts_and_is_counted(self, tmp_path):
        made, samples = resized(tmp_path, [scene(0), with_dot(scene(1)), with_dot(scene(2), 3)])
        assert [row.facts.classes for row in samples] == [(1,), (1,), (1,)]
        assert made.index.class_frames == {0: 3, 1: 3, 255: 3}
        assert made.index.sequences[0].classes == (1,)
        assert made.index.notes == (
            "2 frames lost a class, all of whose pixels lay between the new ones: car in 1, "
            "dog in 1",
            "2 frames lost an object of inst.png in the same way",
        )

    def test_a_pixel_under_a_new_centre_stays(self, tmp_path):
        made, (small,) = resized(tmp_path, [with_dot(scene(0), row=2, column=6)])
        assert (small.seg[0, 1], small.inst[0, 1]) == (18, 9)
        assert small.facts.classes == (1, 18)
        assert made.index.notes == ()

    def test_a_class_that_a_box_shows_stays(self, tmp_path):
        lost = with_dot(scene(0))
        facts = replace(lost.facts, boxes=boxed(0, "v", class_id=18).facts.boxes)
        made, _ = resized(tmp_path, [replace(lost, facts=facts)])
        assert made.index.class_frames == {0: 1, 1: 1, 18: 1, 255: 1}


class TestSet:
    def test_keys_sequences_shards_and_counts_stay(self, tmp_path):
        whole = make_scenes(tmp_path / "in")
        (made,) = run(tmp_path / "in", tmp_path / "out")
        small = open_set(str(tmp_path / "out"))
        assert [row.key for row in iterate_samples(small)] == [
            row.key for row in iterate_samples(whole)
        ]
        assert made.index.sequences == whole.index.sequences
        assert [row.nsamples for row in made.index.shards] == [4, 4, 4]
        assert made.index.outcomes == {"ok": 12}
        assert verify(small) == []

    def test_the_index_tells_what_was_done_to_which_set(self, tmp_path):
        make_scenes(tmp_path / "in", settings={"classes": ["person"]}, notes=("a note",))
        (made,) = run(tmp_path / "in/davis-train", tmp_path / "out", Resize(size_px=(24, 16)))
        index = made.index
        assert index.settings == {
            "classes": ["person"],
            "resize": {
                "size_px": [24, 16],
                "quality": 90,
                "filter": "bicubic",
                "source": {
                    "name": "davis-train",
                    "index_sha256": sha256_file(tmp_path / "in/davis-train.index.json"),
                    "command": "",
                    "num_samples": 12,
                },
                "source_bytes": sum(
                    path.stat().st_size for path in (tmp_path / "in").glob("*.tar")
                ),
            },
        }
        assert index.command == "vsda shards resize davis-train --size 24x16"
        assert (index.name, index.dataset, index.split) == ("davis-train", "davis", "train")
        assert index.notes[0] == "a note"

    @pytest.mark.parametrize(
        ("resize", "words"),
        [
            (Resize(short_side_px=256), "--short-side 256"),
            (Resize(short_side_px=256, quality=80), "--short-side 256 --quality 80"),
        ],
    )
    def test_the_command_states_what_is_not_usual(self, resize, words):
        assert resize.words() == words

    def test_a_frame_that_cannot_be_decoded_is_left_out_and_told(self, tmp_path):
        cut = scene(1, jpg=scene(1).jpg[:-200])
        other = scene(2, jpg=encode(np.zeros((64, 95, 3), dtype=np.uint8)))
        made, samples = resized(tmp_path, [scene(0), cut, other])
        assert [row.key for row in samples] == ["davis/bear/00000"]
        assert made.index.outcomes == {"ok": 1, "size-mismatch": 1, "unreadable": 1}
        assert made.num_failed == 2
        lines = (tmp_path / "out/davis-train.report.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert [(row["key"], row["outcome"]) for row in rows] == [
            ("davis/bear/00001", "unreadable"),
            ("davis/bear/00002", "size-mismatch"),
        ]
        assert rows[1]["message"] == (
            "davis/bear/00002: the JPEG is 95x64 pixels, its json says 96x64"
        )

    def test_what_is_no_jpeg_is_told(self):
        with pytest.raises(ItemError, match="davis/bear/00000: not a whole JPEG: "):
            resize_sample(scene(0, jpg=b"no picture"), TO_16)

    def test_a_set_of_which_nothing_is_left_is_not_made(self, tmp_path):
        make_set(tmp_path / "in", [[scene(0, jpg=b"x")]])
        with pytest.raises(ShardError, match=r"out/davis-train.index.json: no sample could be"):
            run(tmp_path / "in", tmp_path / "out")
        assert not list((tmp_path / "out").glob("davis-train*"))

    def test_a_shard_of_which_nothing_is_left_gets_no_tar(self, tmp_path):
        make_set(tmp_path / "in", [[scene(0, jpg=b"x")], [scene(0, "cows")]])
        (made,) = run(tmp_path / "in", tmp_path / "out")
        assert [row.url for row in made.index.shards] == ["davis-train-000000.tar"]
        assert verify(open_set(str(tmp_path / "out"))) == []

    def test_workers_change_no_byte(self, tmp_path):
        make_scenes(tmp_path / "in")
        run(tmp_path / "in", tmp_path / "one")
        run(tmp_path / "in", tmp_path / "two", workers=Workers(num_workers=2))
        assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")

    def test_several_sets_are_made_in_one_go(self, tmp_path):
        make_scenes(tmp_path / "in", num_shards=1)
        make_set(tmp_path / "in", [[scene(0, "cows")]], name="davis-val")
        made = run(tmp_path / "in", tmp_path / "out")
        assert [one.index.name for one in made] == ["davis-train", "davis-val"]


class TestAgain:
    def test_what_is_up_to_date_is_left_alone(self, tmp_path):
        make_scenes(tmp_path / "in")
        (first,) = run(tmp_path / "in", tmp_path / "out")
        times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
        (again,) = run(tmp_path / "in", tmp_path / "out")
        assert again == replace(first, up_to_date=True)
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times

    def test_a_set_made_otherwise_is_replaced_only_when_asked_to(self, tmp_path):
        make_scenes(tmp_path / "in")
        run(tmp_path / "in", tmp_path / "out", Resize(short_side_px=32))
        before = snapshot(tmp_path / "out")
        message = r"made otherwise: resize.short_side_px was 32, is 16; give --overwrite"
        with pytest.raises(ShardError, match=message):
            run(tmp_path / "in", tmp_path / "out")
        assert snapshot(tmp_path / "out") == before
        run(tmp_path / "in", tmp_path / "out", overwrite=True)
        run(tmp_path / "in", tmp_path / "fresh")
        assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")

    def test_another_source_is_noticed(self, tmp_path):
        make_scenes(tmp_path / "in", num_shards=1)
        run(tmp_path / "in", tmp_path / "out")
        make_scenes(tmp_path / "in", num_shards=2)
        with pytest.raises(ShardError, match=r"resize.source.index_sha256 was [0-9a-f]{60}"):
            run(tmp_path / "in", tmp_path / "out")

    def test_a_set_that_lost_a_file_is_made_again(self, tmp_path):
        make_scenes(tmp_path / "in")
        run(tmp_path / "in", tmp_path / "out")
        before = snapshot(tmp_path / "out")
        (tmp_path / "out/davis-train-000001.tar").unlink()
        (made,) = run(tmp_path / "in", tmp_path / "out")
        assert "davis-train-000001.tar: not there" in made.fault
        assert snapshot(tmp_path / "out") == before


class TestRefused:
    @pytest.mark.parametrize("out", ["in", "in/", "link", "sub/../in"])
    def test_the_folder_of_the_source(self, tmp_path, out, monkeypatch):
        make_scenes(tmp_path / "in")
        (tmp_path / "sub").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "in")
        before = snapshot(tmp_path / "in")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UsageError, match=r"in/davis-train: the new set would take its place"):
            run(tmp_path / "in", out, overwrite=True)
        assert snapshot(tmp_path / "in") == before

    def test_two_sets_of_one_name(self, tmp_path):
        for folder in ("a", "b"):
            make_scenes(tmp_path / folder, num_shards=1)
        places = [str(tmp_path / "a"), str(tmp_path / "b")]
        with pytest.raises(UsageError, match=r"a/davis-train and .*b/davis-train have one name"):
            resize_sets(places, tmp_path / "out", TO_16, workers=ONE)

    def test_a_place_without_a_set(self, tmp_path):
        with pytest.raises(ShardError, match="no shards here"):
            run(tmp_path / "in", tmp_path / "out")

    def test_a_second_writer(self, tmp_path):
        make_scenes(tmp_path / "in", num_shards=1)
        with (
            exclusive(tmp_path / "out/.davis-train.lock"),
            pytest.raises(VsdaError, match="another process is writing here"),
        ):
            run(tmp_path / "in", tmp_path / "out")


class TestDamagedSource:
    @pytest.mark.parametrize("num_workers", [1, 2])
    def test_a_flipped_bit_stops_it_and_nothing_appears(self, tmp_path, num_workers):
        make_scenes(tmp_path / "in")
        tar = tmp_path / "in/davis-train-000001.tar"
        whole = tar.read_bytes()
        tar.write_bytes(flipped(whole, 8 * 2000))
        workers = Workers(num_workers=num_workers)
        with pytest.raises(ShardError, match=r"davis-train-000001.tar: its hash is not the one"):
            run(tmp_path / "in", tmp_path / "out", workers=workers)
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".davis-train.part"]
        tar.write_bytes(whole)
        run(tmp_path / "in", tmp_path / "out", workers=workers)
        run(tmp_path / "in", tmp_path / "fresh")
        assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")

    def test_a_missing_tar_is_named(self, tmp_path):
        make_scenes(tmp_path / "in")
        (tmp_path / "in/davis-train-000002.tar").unlink()
        with pytest.raises(ShardError, match=r"davis-train-000002.tar: missing; "):
            run(tmp_path / "in", tmp_path / "out")

    def test_the_old_set_stays_when_a_new_one_cannot_be_made(self, tmp_path):
        make_scenes(tmp_path / "in")
        run(tmp_path / "in", tmp_path / "out", Resize(short_side_px=32))
        tar = tmp_path / "in/davis-train-000001.tar"
        tar.write_bytes(tar.read_bytes()[:-512])
        with pytest.raises(ShardError, match="it was cut or replaced"):
            run(tmp_path / "in", tmp_path / "out", overwrite=True)
        problems = verify(open_set(str(tmp_path / "out")))
        assert Counter(row.shard for row in problems) == {".davis-train.part": 1}
