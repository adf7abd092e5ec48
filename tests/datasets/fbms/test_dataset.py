import os
import shutil
from collections import Counter

import numpy as np
import pytest

from tests.fake_fbms import (
    FbmsTree,
    class_map,
    definition,
    full_fbms,
    pgm,
    ppm,
    regions,
    small_fbms,
)
from tests.fake_worlds import jpeg, snapshot, write
from vsda.datasets.fbms import dataset as fbms
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source
from vsda.errors import DatasetError, ItemError, ManifestError, Outcome
from vsda.prepare import PrepareOptions, plan, prepare
from vsda.shards.index import open_set


def request(root, split="train", remap="coco", classes=None, outside="background", **more):
    rules = label_rules(remap, classes, outside, "fbms")
    return Request(root=root, split=split, rules=rules, options=fbms.DATASET.options(**more))


def listing_of(tree, split="train", **more):
    return fbms.list_split(request(tree.root, split, **more))


def names(listing):
    return [unit.sequence for unit in listing.units]


def frames(listing, sequence):
    unit = next(unit for unit in listing.units if unit.sequence == sequence)
    return [(item.frame, item.frame_index) for item in unit.items]


def rows(listing):
    return [(row.key, row.outcome, row.num_items) for row in listing.failures]


def samples(tree, sequence, split="train", **more):
    """Return all frames of a sequence as they are read."""
    asked = request(tree.root, split, **more)
    listing = fbms.list_split(asked)
    unit = next(unit for unit in listing.units if unit.sequence == sequence)
    source = Source(dataset="fbms", split=split, root=listing.root, options=asked.options)
    return [sample for item in unit.items for sample in fbms.read(source, unit, item)]


def has_note(listing, *parts):
    return any(all(part in note for part in parts) for note in listing.notes)


@pytest.fixture
def tree(tmp_path):
    return small_fbms(tmp_path / "fbms")


def test_the_labelled_frames_of_sequences_with_a_shared_class_are_kept(tree):
    listing = listing_of(tree)
    assert names(listing) == ["cars2", "cats04"]
    assert frames(listing, "cars2") == [("cars2_01", 0), ("cars2_03", 2)]
    assert listing.failures == ()


def test_a_sequence_without_a_chosen_class_is_left_out_and_named(tree):
    listing = listing_of(tree)
    assert has_note(listing, "left out, no region of a chosen class: bear01, rabbits01")


def test_a_sequence_of_unsure_regions_is_left_out_with_the_command_that_settles_it(tree):
    listing = listing_of(tree)
    assert has_note(
        listing,
        "left out, all regions less certain than --certainty name: 1 sequences: marple1",
        "`vsda prepare fbms --review regions.html`",
    )
    assert listing.num_left_out == 3 * 2


def test_certainty_unsure_takes_them_and_says_so(tree):
    listing = listing_of(tree, certainty="unsure")
    assert "marple1" in names(listing)
    assert has_note(listing, "used although unsure: 1 sequences: marple1")


def test_certainty_seen_takes_only_what_somebody_looked_at(tree):
    assert names(listing_of(tree, certainty="seen")) == []
    assert names(listing_of(tree, "test", certainty="seen")) == ["cars1"]


def test_a_row_of_the_sequences_name_over_several_regions_is_told(tree):
    assert has_note(listing_of(tree), "by the name of the sequence alone: cars2 (2 regions)")
    assert not has_note(listing_of(tree), "cats04 (1 regions)")
    assert not has_note(listing_of(tree, "test"), "by the name of the sequence alone")


def test_what_of_the_dataset_is_not_here_is_told(tree):
    listing = listing_of(tree)
    assert has_note(listing, "only 5 of the manifest's 29 sequences are here")
    assert has_note(listing, "12 frames with a ground truth are here, FBMS-59 has 353")
    assert has_note(listing_of(tree, "test"), "4 frames with a ground truth", "has 367")


def test_remap_none_keeps_every_sequence_and_writes_region_numbers(tree):
    listing = listing_of(tree, remap="none")
    assert names(listing) == ["bear01", "cars2", "cats04", "marple1", "rabbits01"]
    first = samples(tree, "cars2", remap="none")[0]
    assert first.seg is None
    assert (first.inst == regions(3)).all()


def test_a_grey_code_becomes_its_region_and_the_region_its_class(tree):
    first, second = samples(tree, "cars2")
    assert (first.inst == regions(3)).all()
    assert (first.seg == np.where(regions(3), 3, 0)).all()
    assert (first.key, second.key) == ("fbms/cars2/cars2_01", "fbms/cars2/cars2_03")
    facts = first.facts
    assert (facts.labelled, facts.classes, facts.frame_index) == (True, (3,), 0)
    assert (facts.dataset, facts.split, facts.sequence) == ("fbms", "train", "cars2")
    assert first.jpg == jpeg(seed=0)


def test_a_colour_becomes_its_region_by_red_green_and_blue(tree):
    first = samples(tree, "cats04")[0]
    assert (first.inst == regions(2)).all()
    assert set(np.unique(first.seg)) == {0, 17}


def test_the_grey_twin_and_the_probabilities_are_not_taken_for_ground_truth(tree):
    listing = listing_of(tree)
    unit = next(unit for unit in listing.units if unit.sequence == "cats04")
    assert all(item.mask.endswith("_gt.ppm") and "PROB" not in item.mask for item in unit.items)
    assert not has_note(listing, "not in a Def.dat")


def test_a_background_with_another_code_is_background_by_the_list(tree):
    truth = pgm(np.where(regions(2), 7, 200))
    for name in ("cars2_01.pgm", "cars2_03.pgm"):
        write(tree.truth("train", "cars2", name), truth)
    entries = [(0, "cars2_01.pgm", "cars2_01.ppm"), (2, "cars2_03.pgm", "cars2_03.ppm")]
    write(tree.definition("train", "cars2"), definition((200, 7), entries, 4))
    assert (samples(tree, "cars2")[0].inst == regions(2)).all()


def with_an_unlisted_colour(tree, frame):
    codes = np.where(regions(2), 0xFF0000, 0xFFFFFF)
    codes[0, 0] = 0x123456
    write(tree.truth("train", "cats04", f"cats04_{frame:04d}_gt.ppm"), ppm(codes))


def test_the_known_odd_file_of_cats04_becomes_void_where_its_colour_is_not_listed(tree):
    with_an_unlisted_colour(tree, 20)
    last = samples(tree, "cats04")[-1]
    assert last.facts.frame == "cats04_20"
    assert (last.seg[0, 0], last.inst[0, 0]) == (255, 255)
    assert set(np.unique(last.inst)) == {0, 1, 255}


def test_an_unlisted_colour_in_any_other_file_is_a_failure(tree):
    with_an_unlisted_colour(tree, 19)
    with pytest.raises(ItemError) as caught:
        samples(tree, "cats04")
    assert caught.value.outcome is Outcome.UNKNOWN_ID
    assert str(caught.value) == (
        "Trainingset/cats04/GroundTruth/cats04_0019_gt.ppm: 1 pixels have the code 1193046, which "
        "its Def.dat does not list; listed: 16777215, 16711680"
    )


def test_frames_all_adds_the_frames_without_a_ground_truth_unlabelled(tree):
    read = samples(tree, "cars2", frames="all")
    assert [one.facts.labelled for one in read] == [True, False, True, False]
    assert read[1].seg is None
    assert read[1].inst is None
    assert [one.facts.frame_index for one in read] == [0, 1, 2, 3]


def test_frames_are_in_the_order_of_their_numbers_however_many_digits(tmp_path):
    tree = FbmsTree(tmp_path).add("train", "cars2", num_frames=4, first=8, digits=1)
    assert frames(listing_of(tree, frames="all"), "cars2") == [
        ("cars2_8", 0),
        ("cars2_9", 1),
        ("cars2_10", 2),
        ("cars2_11", 3),
    ]


def test_tennis_has_no_underscore(tree):
    listing = listing_of(tree, "test", certainty="unsure")
    assert frames(listing, "tennis") == [("tennis454", 0), ("tennis456", 2)]
    assert set(np.unique(samples(tree, "tennis", "test", certainty="unsure")[0].seg)) == {0, 1}


def test_line_ends_of_windows_and_a_byte_order_mark_make_no_difference(tree):
    before = listing_of(tree).digest()
    path = tree.definition("train", "cars2")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"  \r\n\r\n"))
    assert listing_of(tree).digest() == before


def test_another_code_list_of_the_same_length_is_another_listing(tree):
    before = listing_of(tree).digest()
    path = tree.definition("train", "cars2")
    path.write_bytes(path.read_bytes().replace(b"\n128\n", b"\n129\n"))
    assert listing_of(tree).digest() != before


def test_the_archives_own_folders_are_found_from_above(tree, tmp_path):
    for folder in ("Trainingset", "Testset"):
        (tmp_path / "as" / f"FBMS_{folder}").mkdir(parents=True)
        shutil.move(tree.root / folder, tmp_path / "as" / f"FBMS_{folder}" / folder)
    for split, name in (("train", "cars2"), ("test", "cars1")):
        listing = fbms.list_split(request(tmp_path / "as", split))
        assert name in names(listing)


def test_a_missing_split_is_told_with_where_to_look_and_what_to_download(tmp_path):
    with pytest.raises(DatasetError) as caught:
        fbms.list_split(request(tmp_path))
    message = str(caught.value)
    assert f"looked for {tmp_path}/Trainingset and {tmp_path}/FBMS_Trainingset/Train" in message
    assert f"`vsda fetch fbms --out {tmp_path}` brings FBMS_Trainingset.zip (https://" in message


def test_a_class_map_replaces_the_table(tree, tmp_path):
    table = class_map(
        tmp_path / "map.tsv",
        ("train", "cars2", 1, "bus", "bus", "seen"),
        ("train", "cars2", 2, "pram", "-", "seen"),
        ("train", "rabbits01", "*", "rabbit", "cat", "seen"),
    )
    listing = listing_of(tree, classes="bus,cat", class_map=table)
    assert names(listing) == ["cars2", "rabbits01"]
    assert listing.settings["class_map"] == "map.tsv"
    first = samples(tree, "cars2", classes="bus,cat", class_map=table)[0]
    assert (first.seg == np.where(regions(3) == 1, 6, 0)).all()


def test_a_region_that_is_not_certain_enough_is_void_and_listed(tree, tmp_path):
    table = class_map(
        tmp_path / "map.tsv",
        ("train", "cars2", 1, "car", "car", "name"),
        ("train", "cars2", "*", "car", "car", "unsure"),
    )
    listing = listing_of(tree, class_map=table)
    assert has_note(listing, "regions less certain than --certainty name, 255 here: cars2 2")
    first = samples(tree, "cars2", class_map=table)[0]
    assert (first.seg == np.array([0, 3, 255])[regions(3)]).all()
    assert (first.inst == regions(3)).all()


def test_a_region_that_is_to_be_ignored_is_void(tree, tmp_path):
    table = class_map(
        tmp_path / "map.tsv",
        ("train", "cars2", 2, "reflection", "ignore", "seen"),
        ("train", "cars2", "*", "car", "car", "seen"),
    )
    first = samples(tree, "cars2", class_map=table)[0]
    assert (first.seg == np.array([0, 3, 255])[regions(3)]).all()


def test_a_region_without_a_row_fails_in_the_frames_that_show_it(tree, tmp_path):
    table = class_map(tmp_path / "map.tsv", ("train", "cars2", 1, "car", "car", "seen"))
    with pytest.raises(ItemError, match=r"cars2_01\.pgm: sequence 'cars2': mask holds values \[2"):
        samples(tree, "cars2", class_map=table)


def test_a_sequence_without_a_row_is_a_failure_that_says_what_to_do(tree):
    tree.add("train", "cars99").add("train", "cars1")
    found = [row for row in listing_of(tree).failures if row.outcome is Outcome.UNKNOWN_ID]
    assert [(row.key, row.num_items) for row in found] == [("fbms/cars1", 2), ("fbms/cars99", 2)]
    assert "no row for sequence 'cars1' of train" in found[0].message


def test_a_row_of_a_region_that_the_def_dat_lacks_is_told(tree, tmp_path):
    table = class_map(
        tmp_path / "map.tsv",
        ("train", "cars2", "*", "car", "car", "seen"),
        ("train", "cars2", 9, "car", "car", "seen"),
    )
    assert has_note(listing_of(tree, class_map=table), "Def.dat does not have: cars2 9")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ("train", "cars2", 0, "car", "car", "seen"),
            r":2: region must be 1 to 254 or '\*', got '0'",
        ),
        (("train", "cars2", 255, "car", "car", "seen"), ":2: region must be 1 to 254"),
        (("train", "cars2", "²", "car", "car", "seen"), ":2: region must be 1 to 254"),
        (("train", "cars2", 1, "car", "cra", "seen"), ":2: 'cra' is neither a COCO class nor"),
        (("train", "cars2", 1, "car", "car", "sure"), r":2: expected one of \['seen', 'name', 'un"),
    ],
)
def test_a_wrong_row_of_a_class_map_is_told_with_its_line(tree, tmp_path, row, message):
    with pytest.raises(ManifestError, match=rf"map\.tsv{message}"):
        listing_of(tree, class_map=class_map(tmp_path / "map.tsv", row))


def test_a_region_twice_in_a_class_map_is_refused(tree, tmp_path):
    row = ("train", "cars2", "*", "car", "car", "seen")
    with pytest.raises(ManifestError, match=r"map\.tsv:3: region \* of train 'cars2' occurs twice"):
        listing_of(tree, class_map=class_map(tmp_path / "map.tsv", row, row))


# What lies on disk and in Def.dat does not agree.


def test_a_listed_truth_that_is_not_there_is_a_failure_of_its_frame(tree):
    tree.truth("train", "cars2", "cars2_03.pgm").unlink()
    listing = listing_of(tree)
    assert rows(listing) == [("fbms/cars2/cars2_03", Outcome.MISSING, 1)]
    assert listing.failures[0].message == (
        "Trainingset/cars2/GroundTruth/cars2Def.dat:30: "
        "Trainingset/cars2/GroundTruth/cars2_03.pgm is not there"
    )
    assert frames(listing, "cars2") == [("cars2_01", 0)]


def test_the_frame_of_a_lost_truth_is_not_written_as_unlabelled(tree):
    tree.truth("train", "cars2", "cars2_03.pgm").unlink()
    listing = listing_of(tree, frames="all")
    assert [frame for frame, _ in frames(listing, "cars2")] == ["cars2_01", "cars2_02", "cars2_04"]


def test_a_truth_whose_picture_is_not_there_is_a_failure(tree):
    (tree.folder("train", "cars2") / "cars2_03.jpg").unlink()
    listing = listing_of(tree)
    assert rows(listing) == [("fbms/cars2", Outcome.MISSING, 1)]
    assert "there is no picture of frame 3" in listing.failures[0].message
    assert has_note(listing, "frames other than in Def.dat: cars2 3 of 4")


def test_a_file_that_def_dat_does_not_list_is_told_and_not_read(tree):
    write(tree.truth("train", "cars2", "cars2_02.pgm"), pgm(regions(2)))
    listing = listing_of(tree)
    assert has_note(
        listing, "not in a Def.dat, so not read: Trainingset/cars2/GroundTruth/cars2_02"
    )
    assert len(frames(listing, "cars2")) == 2


def retold(tree, *entries):
    write(tree.definition("train", "cars2"), definition((0, 128, 255), entries, 4))
    return listing_of(tree)


def test_names_that_contradict_each_other_are_a_failure(tree):
    listing = retold(tree, (0, "cars2_01.pgm", "cars2_02.ppm"))
    assert rows(listing) == [("fbms/cars2", Outcome.UNREADABLE, 1)]
    assert "cars2_01.pgm has another number than cars2_02.ppm" in listing.failures[0].message


def test_names_without_a_number_are_a_failure(tree):
    listing = retold(tree, (0, "first.pgm", "first.ppm"))
    assert "first.pgm has no frame number, nor has first.ppm" in listing.failures[0].message


def test_a_counted_number_that_is_not_that_of_both_names_is_told_and_the_names_taken(tree):
    listing = retold(tree, (1, "cars2_01.pgm", "cars2_01.ppm"))
    assert listing.failures == ()
    assert frames(listing, "cars2") == [("cars2_01", 0)]
    assert has_note(
        listing, "counts frames otherwise than the file names, which are taken: cars2 1"
    )


def test_one_name_against_the_counted_number_is_a_failure(tree):
    listing = retold(tree, (1, "cars2_01.pgm", "first.ppm"))
    assert rows(listing) == [("fbms/cars2", Outcome.UNREADABLE, 1)]
    assert "frame 0 by the one name that has a number, and frame 1" in listing.failures[0].message


def test_two_truths_of_one_frame_are_a_failure_of_the_second(tree):
    write(tree.truth("train", "cars2", "cars2_1.pgm"), pgm(regions(2)))
    listing = retold(tree, (0, "cars2_01.pgm", "cars2_01.ppm"), (1, "cars2_1.pgm", "cars2_1.ppm"))
    assert [row.outcome for row in listing.failures] == [Outcome.UNREADABLE]
    assert "its frame is also that of cars2_01.pgm" in listing.failures[0].message


def test_two_pictures_with_one_number_make_the_sequence_a_failure(tree):
    write(tree.folder("train", "cars2") / "cars2_1.jpg", jpeg())
    listing = listing_of(tree)
    assert rows(listing)[0][:2] == ("fbms/cars2", Outcome.UNREADABLE)
    assert "have the same number; remove one" in listing.failures[0].message


def test_a_picture_without_a_number_is_told_and_not_read(tree):
    write(tree.folder("train", "cars2") / "thumbnail.jpg", jpeg())
    assert has_note(listing_of(tree), "no frame number in the name", "cars2/thumbnail.jpg")


def test_a_sequence_without_pictures_is_a_failure(tree):
    for path in tree.folder("train", "cars2").glob("*.jpg"):
        path.unlink()
    assert "Trainingset/cars2: no pictures" in listing_of(tree).failures[0].message


def test_a_sequence_without_ground_truth_is_a_failure_or_all_unlabelled(tree):
    shutil.rmtree(tree.folder("train", "cars2") / "GroundTruth")
    listing = listing_of(tree)
    assert rows(listing) == [("fbms/cars2", Outcome.MISSING, 1)]
    whole = listing_of(tree, frames="all")
    assert (len(frames(whole, "cars2")), whole.failures) == (4, ())
    assert has_note(whole, "no GroundTruth, so all frames are unlabelled: cars2")


def test_a_broken_def_dat_fails_its_sequence_and_no_other(tree):
    write(tree.definition("train", "cars2"), b"nothing of the kind")
    for more in ({}, {"frames": "all"}):
        listing = listing_of(tree, **more)
        assert names(listing) == ["cats04"]
        assert listing.failures[0].message.startswith(
            "Trainingset/cars2/GroundTruth/cars2Def.dat:1: expected a line that starts with"
        )


@pytest.mark.parametrize("lost", ["*.dat", "*.pgm"])
def test_half_a_ground_truth_is_a_failure_also_of_all_frames(tree, lost):
    write(tree.definition("train", "cars2"), b"nothing of the kind")
    for path in tree.truth("train", "cars2", "").glob(lost):
        path.unlink()
    listing = listing_of(tree, frames="all")
    assert names(listing) == ["cats04"]
    assert [(row.key, row.num_items) for row in listing.failures] == [("fbms/cars2", 4)]


def test_a_def_dat_that_was_touched_makes_its_frames_new(tree):
    path = tree.definition("train", "cars2")
    path.write_bytes(path.read_bytes())
    cars = listing_of(tree).units[0]
    assert {item.changed_ns for item in cars.items} == {path.stat().st_ctime_ns}


def test_the_only_def_dat_is_taken_whatever_it_is_called(tree):
    path = tree.definition("train", "cars2")
    path.rename(path.with_name("Cars2Def.dat"))
    assert len(frames(listing_of(tree), "cars2")) == 2


def test_a_def_dat_that_is_a_pipe_does_not_keep_us_waiting(tree):
    path = tree.definition("train", "cars2")
    path.unlink()
    os.mkfifo(path)
    assert "not a regular file" in listing_of(tree).failures[0].message


def test_files_of_a_mac_are_passed_over(tree):
    write(tree.folder("train", "cars2") / "._cars2_01.jpg", b"")
    write(tree.truth("train", "cars2", "._cars2_01.pgm"), b"")
    (tree.root / "Trainingset" / ".DS_Store").mkdir()
    listing = listing_of(tree)
    assert len(frames(listing, "cars2")) == 2
    assert not has_note(listing, "._")


# All of it, as the command does it.


def options(tree, out, **more):
    own = fbms.DATASET.options(**more)
    return PrepareOptions(root=tree.root, out=out, num_workers=1, own=own)


def test_both_sets_are_written_and_the_same_bytes_again(tree, tmp_path):
    reports = prepare("fbms", options(tree, tmp_path / "one"))
    assert [(one.name, one.num_samples, one.num_failed) for one in reports] == [
        ("fbms-train", 6, 0),
        ("fbms-test", 2, 0),
    ]
    assert reports[0].class_frames == {"car": 2, "cat": 4}
    assert reports[0].outcomes == {"ok": 6, "left-out": 6}
    prepare("fbms", options(tree, tmp_path / "two"))
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")
    index = open_set(str(tmp_path / "one" / "fbms-train")).index
    assert index.settings["classes"] == ["person", "car", "cat", "horse"]
    assert (index.settings["frames"], index.settings["certainty"]) == ("labelled", "name")


def test_a_damaged_truth_is_counted_and_the_others_are_written(tree, tmp_path):
    path = tree.truth("train", "cats04", "cats04_0018_gt.ppm")
    path.write_bytes(path.read_bytes()[:-9])
    (report, _) = prepare("fbms", options(tree, tmp_path / "out"))
    assert (report.num_samples, report.outcomes["unreadable"]) == (5, 1)
    assert report.failures[0].key == "fbms/cats04/cats04_18"


def test_a_plan_says_what_would_be_written(tree, tmp_path):
    train, _ = plan("fbms", options(tree, tmp_path / "out"))
    assert (train.num_samples, train.class_frames) == (6, {"car": 2, "cat": 4})
    assert not (tmp_path / "out").exists()


def test_of_the_whole_dataset_28_sequences_have_a_shared_class_and_nothing_is_missed(tmp_path):
    tree = full_fbms(tmp_path)
    train, test = listing_of(tree), listing_of(tree, "test")
    assert [len(listing.units) for listing in (train, test)] == [15, 13]
    assert not train.failures + test.failures
    for listing, total in ((train, 353), (test, 367)):
        assert sum(len(unit.items) for unit in listing.units) + listing.num_left_out == total
        assert not has_note(listing, "are here")
    assert has_note(train, "than --certainty name: 7 sequences: marple1, marple10")
    assert has_note(test, "than --certainty name: 8 sequences: farm01, marple12")


def test_the_real_cars1_has_two_cars_that_were_looked_at(real_samples):
    listing = fbms.list_split(request(real_samples / "fbms", "test"))
    assert frames(listing, "cars1") == [("cars1_01", 0)]
    assert has_note(listing, "only 1 of the manifest's 30 sequences are here")
    (unit,) = listing.units
    source = Source(dataset="fbms", split="test", root=listing.root)
    (sample,) = fbms.read(source, unit, unit.items[0])
    counts = Counter(sample.inst.ravel().tolist())
    assert set(counts) == {0, 1, 2}
    assert Counter(sample.seg.ravel().tolist()) == {0: counts[0], 3: counts[1] + counts[2]}


def test_the_real_ducks01_is_birds_without_labels(real_samples):
    asked = request(real_samples / "fbms", classes="bird", frames="all")
    listing = fbms.list_split(asked)
    assert [frame for frame, _ in frames(listing, "ducks01")][:2] == [
        "ducks01_0300",
        "ducks01_0301",
    ]
    assert len(frames(listing, "ducks01")) == 12
