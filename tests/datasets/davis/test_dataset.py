import shutil

import numpy as np
import pytest

from tests.fake_worlds import DavisTree, jpeg, mask_png, small_davis, values, write
from vsda.datasets.davis import dataset as davis
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source
from vsda.errors import DatasetError, ItemError, ManifestError, Outcome

HEADER = "sequence\tobject_id\tcategory\tclass\n"


def request(root, split="train", remap="coco", classes=None, outside="background", **more):
    rules = label_rules(remap, classes, outside)
    return Request(root=root, split=split, rules=rules, options=davis.DATASET.options(**more))


def names(listing):
    return [unit.sequence for unit in listing.units]


def rows(listing):
    return [(row.key, row.outcome, row.num_items) for row in listing.failures]


def read_first(tree, sequence, **more):
    """Return the first frame of a sequence, read as a train frame."""
    listing = davis.list_split(request(tree.root, **more))
    unit = next(unit for unit in listing.units if unit.sequence == sequence)
    options = davis.DATASET.options()
    source = Source(dataset="davis", split="train", root=listing.root, options=options)
    (sample,) = davis.read(source, unit, unit.items[0])
    return sample


@pytest.fixture
def tree(tmp_path):
    return small_davis(tmp_path / "davis")


def test_sequences_with_a_chosen_class_are_kept_whole_and_sorted(tree):
    listing = davis.list_split(request(tree.root))
    assert names(listing) == ["bmx-bumps", "lucia"]
    assert [len(unit.items) for unit in listing.units] == [2, 3]
    assert listing.failures == ()


def test_a_sequence_without_a_chosen_class_is_left_out_and_named(tree):
    listing = davis.list_split(request(tree.root))
    assert listing.num_left_out == 2
    assert "left out, no object of a chosen class: bear" in listing.notes


def test_classes_all_keeps_what_coco_has_a_class_for(tree):
    assert names(davis.list_split(request(tree.root, classes="all"))) == [
        "bear",
        "bmx-bumps",
        "lucia",
    ]
    assert names(davis.list_split(request(tree.root, "val", classes="all"))) == ["car-shadow"]


def test_remap_none_keeps_every_sequence(tree):
    listing = davis.list_split(request(tree.root, "val", remap="none"))
    assert names(listing) == ["camel", "car-shadow"]
    assert listing.num_left_out == 0


def test_the_folder_may_hold_a_folder_named_davis(tmp_path):
    tree = small_davis(tmp_path / "DAVIS")
    outer = davis.list_split(request(tmp_path))
    assert names(outer) == ["bmx-bumps", "lucia"]
    assert outer.digest() == davis.list_split(request(tree.root)).digest()


def test_another_resolution_is_read_from_its_own_folder(tmp_path):
    DavisTree(tmp_path, "Full-Resolution").add("lucia").list("train", ["lucia"])
    listing = davis.list_split(request(tmp_path, resolution="Full-Resolution"))
    assert listing.units[0].items[0].image == "JPEGImages/Full-Resolution/lucia/00000.jpg"
    assert listing.settings["resolution"] == "Full-Resolution"


def test_a_missing_root_is_told_with_where_to_look_and_what_to_download(tmp_path):
    with pytest.raises(DatasetError) as caught:
        davis.list_split(request(tmp_path / "nowhere"))
    message = str(caught.value)
    assert f"looked for {tmp_path}/nowhere/JPEGImages and {tmp_path}/nowhere/DAVIS/JPEG" in message
    assert f"; `vsda fetch davis --out {tmp_path}/nowhere` brings DAVIS-2017-trainval-" in message
    assert "480p.zip (https://data.vision.ee.ethz.ch/" in message
    assert "give --root" in message


def test_the_command_for_what_is_missing_has_the_resolution(tree):
    command = "--resolution Full-Resolution` brings DAVIS-2017-trainval-Full-Resolution.zip"
    with pytest.raises(DatasetError, match=command):
        davis.list_split(request(tree.root, resolution="Full-Resolution"))


def test_missing_annotations_are_told(tmp_path):
    (tmp_path / "JPEGImages" / "480p").mkdir(parents=True)
    with pytest.raises(DatasetError, match="Annotations/480p: no such folder; `vsda fetch dav"):
        davis.list_split(request(tmp_path))


def test_without_a_list_the_manifest_says_which_sequences_a_split_has(tmp_path):
    DavisTree(tmp_path).add("lucia").add("blackswan")
    listing = davis.list_split(request(tmp_path))
    assert names(listing) == ["lucia"]
    assert listing.failures == ()
    assert "no ImageSets/2017/train.txt; the manifest's list is used" in listing.notes


def test_beside_lists_of_other_splits_the_manifest_says_nothing(tmp_path):
    # What an export of a val set looks like: lucia is a train sequence of the manifest.
    DavisTree(tmp_path).add("lucia").list("val", ["lucia"])
    assert names(davis.list_split(request(tmp_path, "val"))) == ["lucia"]
    with pytest.raises(DatasetError) as caught:
        davis.list_split(request(tmp_path))
    folder = tmp_path / "ImageSets/2017"
    assert str(caught.value) == (
        f"{folder}/train.txt: no such list, but {folder} has val.txt; give --split val, or add "
        "the list"
    )


def test_a_part_of_the_dataset_is_noted_and_no_failure(tree):
    listing = davis.list_split(request(tree.root))
    assert "only 3 of the manifest's 60 sequences are here" in listing.notes
    assert (
        "frames other than in the manifest: bear 2 of 82, bmx-bumps 2 of 90, lucia 3 of 70"
        in listing.notes
    )
    assert listing.failures == ()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["lucia", "", "lucia"], r"train\.txt:3: sequence 'lucia' is listed twice"),
        (["../../etc"], r"train\.txt:1: expected the name of a sequence, got '\.\./\.\./etc'"),
    ],
)
def test_a_wrong_list_is_told_with_file_and_line(tree, lines, message):
    tree.list("train", lines)
    with pytest.raises(DatasetError, match=message):
        davis.list_split(request(tree.root))


def test_blank_lines_and_carriage_returns_in_a_list_mean_nothing(tree):
    tree.list("train", ["lucia\r", "", "  ", ""])
    assert names(davis.list_split(request(tree.root))) == ["lucia"]


def test_a_list_in_latin_1_is_told_with_file_and_line(tree):
    write(tree.root / "ImageSets/2017/train.txt", "lucia\nbär\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"train\.txt:2: expected UTF-8, got the byte 0xe4"):
        davis.list_split(request(tree.root))


def test_a_byte_order_mark_at_the_start_of_a_list_means_nothing(tree):
    write(tree.root / "ImageSets/2017/train.txt", "lucia\n".encode("utf-8-sig"))
    assert names(davis.list_split(request(tree.root))) == ["lucia"]


def test_an_empty_list_has_no_sequences(tree):
    tree.list("train", [])
    assert davis.list_split(request(tree.root)).units == ()


def test_a_listed_sequence_without_a_folder_is_missing(tree):
    tree.list("train", ["lucia", "stroller"])
    listing = davis.list_split(request(tree.root))
    assert rows(listing) == [("davis/stroller", Outcome.MISSING, 1)]
    message = listing.failures[0].message
    assert message == "JPEGImages/480p/stroller: no files of a sequence that the split lists"


def test_a_sequence_without_masks_is_missing_once_with_all_its_frames(tree):
    for frame in range(3):
        tree.mask("lucia", frame).unlink()
    listing = davis.list_split(request(tree.root))
    assert rows(listing) == [("davis/lucia", Outcome.MISSING, 3)]
    assert listing.failures[0].message.startswith("Annotations/480p/lucia: no files")
    assert names(listing) == ["bmx-bumps"]


def test_an_image_without_a_mask_and_a_mask_without_an_image_are_missing(tree):
    tree.mask("lucia", 0).unlink()
    tree.image("lucia", 2).unlink()
    listing = davis.list_split(request(tree.root))
    assert rows(listing) == [
        ("davis/lucia/00000", Outcome.MISSING, 1),
        ("davis/lucia/00002", Outcome.MISSING, 1),
    ]
    assert [row.message for row in listing.failures] == [
        "Annotations/480p/lucia/00000.png: there is an image but no mask",
        "JPEGImages/480p/lucia/00002.jpg: there is a mask but no image",
    ]


def test_a_missing_frame_leaves_a_gap_in_the_frame_index(tree):
    tree.mask("lucia", 1).unlink()
    lucia = davis.list_split(request(tree.root)).units[1]
    assert [(item.frame, item.frame_index) for item in lucia.items] == [("00000", 0), ("00002", 2)]


def test_frames_without_leading_zeros_are_in_the_order_of_their_numbers(tree):
    for frame in range(3):
        for path in (tree.image("lucia", frame), tree.mask("lucia", frame)):
            path.rename(path.with_stem(["1", "2", "10"][frame]))
    write(tree.image("lucia").with_stem("x"), jpeg())
    write(tree.image("lucia").with_stem("9"), jpeg())
    listing = davis.list_split(request(tree.root))
    found = [(item.frame, item.frame_index) for item in listing.units[1].items]
    assert found == [("1", 0), ("2", 1), ("10", 3)]
    assert [row.key for row in listing.failures] == ["davis/lucia/9", "davis/lucia/x"]


def test_a_sequence_whose_folder_cannot_be_read_fails_alone(tree):
    tree.list("train", ["lucia", "x" * 300])
    listing = davis.list_split(request(tree.root, remap="none"))
    assert names(listing) == ["lucia"]
    assert rows(listing) == [(f"davis/{'x' * 300}", Outcome.UNREADABLE, 1)]
    assert listing.failures[0].message == (
        f"JPEGImages/480p/{'x' * 300}: cannot be read: File name too long"
    )


def test_a_sequence_whose_masks_cannot_be_read_fails_with_all_its_frames(tree):
    shutil.rmtree(tree.masks / "lucia")
    (tree.masks / "lucia").symlink_to("lucia")
    listing = davis.list_split(request(tree.root))
    assert names(listing) == ["bmx-bumps"]
    assert rows(listing) == [("davis/lucia", Outcome.UNREADABLE, 3)]
    assert "Annotations/480p/lucia: cannot be read: Too many levels" in listing.failures[0].message


def test_a_sequence_that_the_table_lacks_is_named_once_with_all_its_frames(tree):
    tree.add("mystery", num_frames=5).list("train", ["lucia", "mystery"])
    listing = davis.list_split(request(tree.root))
    assert rows(listing) == [("davis/mystery", Outcome.UNKNOWN_ID, 5)]
    assert "sequence 'mystery' of ImageSets/2017/train.txt" in listing.failures[0].message
    assert "none of its 5 frames is written" in listing.failures[0].message


def test_remap_none_needs_no_table(tree):
    tree.add("mystery", (0, 9)).list("train", ["mystery"])
    assert read_first(tree, "mystery", remap="none").seg is None


def test_hidden_and_other_files_are_passed_over(tree):
    write(tree.images / "lucia" / "._00000.jpg", b"")
    write(tree.images / "lucia" / "Thumbs.db", b"")
    lucia = davis.list_split(request(tree.root)).units[1]
    assert len(lucia.items) == 3


def test_a_sample_has_labels_in_coco_ids_and_the_own_object_ids(tree):
    sample = read_first(tree, "bmx-bumps")
    assert sample.key == "davis/bmx-bumps/00000"
    assert sample.jpg == jpeg(seed=0)
    np.testing.assert_array_equal(sample.seg, values(0, 2, 1, 255))
    np.testing.assert_array_equal(sample.inst, values(0, 1, 2, 255))
    facts = sample.facts
    assert (facts.dataset, facts.split, facts.sequence) == ("davis", "train", "bmx-bumps")
    assert (facts.frame, facts.frame_index, facts.classes) == ("00000", 0, (1, 2))
    assert (facts.labelled, facts.width_px, facts.height_px) == (True, 8, 8)
    assert (facts.timestamp_ms, facts.source_pts, facts.tick, facts.held) == (None,) * 4


def test_objects_of_other_classes_become_background_or_ignore(tree):
    sample = read_first(tree, "bmx-bumps", classes="person")
    np.testing.assert_array_equal(sample.seg, values(0, 0, 1, 255))
    sample = read_first(tree, "bmx-bumps", classes="person", outside="ignore")
    np.testing.assert_array_equal(sample.seg, values(0, 255, 1, 255))


def test_remap_none_writes_object_ids_alone_and_counts_as_unlabelled(tree):
    sample = read_first(tree, "bmx-bumps", remap="none")
    assert sample.seg is None
    np.testing.assert_array_equal(sample.inst, values(0, 1, 2, 255))
    assert (sample.facts.labelled, sample.facts.classes) == (False, ())


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_mask_holds_object_ids_as_they_are(tree, mode):
    write(tree.mask("bmx-bumps"), mask_png(values(0, 1, 2), mode))
    np.testing.assert_array_equal(read_first(tree, "bmx-bumps").seg, values(0, 2, 1))


@pytest.mark.parametrize("remap", ["coco", "none"])
def test_a_mask_of_one_bit_is_refused_for_its_depth(tree, remap):
    write(tree.mask("lucia"), mask_png(values(0, 255), "1"))
    with pytest.raises(ItemError, match="a grey mask of 1 bits") as caught:
        read_first(tree, "lucia", remap=remap)
    assert caught.value.outcome == Outcome.UNREADABLE


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("remap", ["coco", "none"])
def test_a_grey_mask_of_0_and_255_is_binary_and_refused(tree, mode, remap):
    write(tree.mask("lucia"), mask_png(values(0, 255), mode))
    with pytest.raises(ItemError) as caught:
        read_first(tree, "lucia", remap=remap)
    assert caught.value.outcome == Outcome.BINARY_MASK
    assert f"(mode {mode}, values [0, 255]), so its object ids are lost" in str(caught.value)


def test_a_grey_mask_without_any_object_is_no_binary_mask(tree):
    write(tree.mask("lucia"), mask_png(values(0), "L"))
    np.testing.assert_array_equal(read_first(tree, "lucia").seg, values(0))


def test_a_palette_mask_of_0_and_255_is_background_and_void(tree):
    write(tree.mask("lucia"), mask_png(values(0, 255)))
    np.testing.assert_array_equal(read_first(tree, "lucia").seg, values(0, 255))


def test_an_object_id_that_the_table_lacks_is_told_with_sequence_and_id(tree):
    write(tree.mask("lucia"), mask_png(values(0, 1, 4)))
    with pytest.raises(ItemError, match=r"sequence 'lucia': mask holds values \[4\]") as caught:
        read_first(tree, "lucia")
    assert caught.value.outcome == Outcome.UNKNOWN_ID


def test_a_mask_narrower_than_its_frame_is_a_size_mismatch(tree):
    write(tree.mask("lucia"), mask_png(values(0, 1, width_px=7)))
    with pytest.raises(ItemError, match="the mask is 7x8 pixels, its frame 8x8") as caught:
        read_first(tree, "lucia")
    assert caught.value.outcome == Outcome.SIZE_MISMATCH


def test_a_class_map_stands_in_for_the_manifest(tree, tmp_path):
    table = write(tmp_path / "my.tsv", f"{HEADER}bear\t1\tbear\tdog\n".encode())
    tree.list("train", ["bear"])
    sample = read_first(tree, "bear", class_map=table)
    np.testing.assert_array_equal(sample.seg, values(0, 18))
    settings = davis.list_split(request(tree.root, class_map=table)).settings
    assert settings["class_map"] == "my.tsv"
    assert len(settings["class_map_sha256"]) == 64


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("bear\t1\tbear\tgrizzly", r"my\.tsv:2: 'grizzly' is neither a COCO class nor '-'"),
        ("bear\tone\tbear\tbear", r"my\.tsv:2: expected an object_id from 1 to 254, got 'one'"),
        ("bear\t255\tbear\tbear", r"my\.tsv:2: expected an object_id from 1 to 254, got '255'"),
        ("bear\t1\tbear", r"my\.tsv:2: expected 4 columns, got 3"),
        ("bear\t1\ta\tbear\nbear\t1\tb\tdog", r"my\.tsv:3: object 1 of 'bear' occurs twice"),
    ],
)
def test_a_wrong_class_map_is_told_with_file_and_line(tree, tmp_path, row, message):
    table = write(tmp_path / "my.tsv", f"{HEADER}{row}\n".encode())
    with pytest.raises(ManifestError, match=message):
        davis.list_split(request(tree.root, class_map=table))


def test_a_missing_class_map_is_told(tree, tmp_path):
    with pytest.raises(ManifestError, match=r"none\.tsv: no such table"):
        davis.list_split(request(tree.root, class_map=tmp_path / "none.tsv"))


def test_the_digest_changes_with_a_size_a_name_and_a_missing_file(tree):
    first = davis.list_split(request(tree.root)).digest()
    assert davis.list_split(request(tree.root)).digest() == first
    write(tree.image("lucia"), jpeg() + b"\0")
    larger = davis.list_split(request(tree.root)).digest()
    tree.image("lucia").rename(tree.image("lucia", 7))
    renamed = davis.list_split(request(tree.root)).digest()
    tree.image("lucia", 7).unlink()
    assert len({first, larger, renamed, davis.list_split(request(tree.root)).digest()}) == 4


def test_sequences_of_the_users_own_table_are_not_held_against_the_manifest(tmp_path):
    tree = DavisTree(tmp_path / "davis")
    tree.add("lucia").list("train", ["lucia"])
    table = tmp_path / "objects.tsv"
    table.write_text("sequence\tobject_id\tcategory\tclass\nlucia\t1\tdog\tdog\n")
    assert davis.list_split(request(tree.root)).notes
    assert not davis.list_split(request(tree.root, class_map=table)).notes
