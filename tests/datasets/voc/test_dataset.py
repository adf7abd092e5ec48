import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tests.fake_voc import VocTree, small_voc
from tests.fake_worlds import jpeg, mask_png, read_with_webdataset, snapshot, values, write
from vsda.cli.prepare_voc import voc as voc_command
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source
from vsda.datasets.voc import dataset as voc
from vsda.errors import DatasetError, ItemError, Outcome, UnknownNameError, UsageError
from vsda.prepare import PrepareOptions, plan, prepare
from vsda.shards.index import load_index


def request(root, split="train", remap="coco", classes="all", outside="background", **more):
    rules = label_rules(remap, classes, outside)
    return Request(root=root, split=split, rules=rules, options=voc.DATASET.options(**more))


def stems(listing):
    return [unit.items[0].frame for unit in listing.units]


def rows(listing):
    return [(row.key, row.outcome, row.message) for row in listing.failures]


def read_one(tree, stem, split="train", **more):
    """Return the samples of one image."""
    asked = request(tree.root, split, **more)
    listing = voc.list_split(asked)
    unit = next(unit for unit in listing.units if unit.items[0].frame == stem)
    source = Source(dataset="voc", split=split, root=listing.root, options=asked.options)
    return list(voc.read(source, unit, unit.items[0]))


def prepared(tree, out, **more):
    stated = {"split": "train", "num_workers": 1} | more
    (report,) = prepare("voc", PrepareOptions(root=tree.root, out=out, **stated))
    return report


@pytest.fixture
def tree(tmp_path):
    return small_voc(tmp_path / "VOCdevkit" / "VOC2012")


@pytest.mark.parametrize("inside", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_the_folder_may_be_that_of_the_archive_or_one_inside(tree, tmp_path, inside):
    listing = voc.list_split(request(tmp_path / inside))
    assert listing.root == tree.root
    assert stems(listing) == ["2007_000001", "2007_000002", "2007_000003"]
    assert listing.digest() == voc.list_split(request(tree.root)).digest()


@pytest.mark.parametrize(
    ("split", "expected"),
    [("val", ["2007_000004"]), ("trainval", [f"2007_00000{number}" for number in (1, 2, 3, 4)])],
)
def test_a_split_is_what_its_list_names_in_the_order_of_names(tree, split, expected):
    assert stems(voc.list_split(request(tree.root, split))) == expected


def test_a_sample_has_coco_ids_and_the_object_ids_with_their_void(tree):
    (sample,) = read_one(tree, "2007_000002")
    assert sample.key == "voc/2007_000002"
    assert sample.jpg == jpeg()
    np.testing.assert_array_equal(sample.seg, values(0, 18, 63, 255))  # dog, couch
    np.testing.assert_array_equal(sample.inst, values(0, 1, 2, 255))
    facts = sample.facts
    assert (facts.dataset, facts.split, facts.sequence) == ("voc", "train", None)
    assert (facts.frame, facts.frame_index, facts.classes) == ("2007_000002", 0, (18, 63))
    assert (facts.labelled, facts.width_px, facts.height_px) == (True, 8, 8)


def test_every_class_of_voc_becomes_its_class_of_coco(tree):
    tree.add("2009_000001", range(21)).list("train", ["2009_000001"])
    (sample,) = read_one(tree, "2009_000001")
    ids = (0, 5, 2, 16, 9, 44, 6, 3, 17, 62, 21, 67, 18, 19, 4, 1, 64, 20, 63, 7, 72)
    np.testing.assert_array_equal(sample.seg, values(*ids))


def test_objects_of_other_classes_become_background_or_ignore(tree):
    (sample,) = read_one(tree, "2007_000002", classes="dog")
    np.testing.assert_array_equal(sample.seg, values(0, 18, 0, 255))
    (sample,) = read_one(tree, "2007_000002", classes="dog", outside="ignore")
    np.testing.assert_array_equal(sample.seg, values(0, 18, 255, 255))


def test_an_image_without_a_chosen_class_gives_no_sample(tree):
    assert read_one(tree, "2007_000003", classes="dog") == []


def test_remap_none_keeps_the_values_of_the_class_mask_as_inst(tree):
    (sample,) = read_one(tree, "2007_000002", remap="none")
    assert sample.seg is None
    np.testing.assert_array_equal(sample.inst, values(0, 12, 18, 255))
    assert (sample.facts.labelled, sample.facts.classes) == (False, ())


def test_images_without_a_mask_of_objects_are_counted_and_have_no_inst(tree):
    tree.objects("2007_000001").unlink()
    listing = voc.list_split(request(tree.root))
    assert listing.notes == ("1 of 3 images have no SegmentationObject, so no inst.png",)
    (sample,) = read_one(tree, "2007_000001")
    assert sample.inst is None
    assert sample.seg is not None
    assert voc.list_split(request(tree.root, remap="none")).notes == ()


def test_a_mask_of_objects_of_another_size_fails_its_image(tree):
    write(tree.objects("2007_000001"), mask_png(values(0, 1, width_px=7)))
    with pytest.raises(ItemError, match=r"SegmentationObject/2007_000001\.png: the mask is 7x8"):
        read_one(tree, "2007_000001")


def test_a_mask_of_another_size_fails_its_image(tree):
    write(tree.mask("2007_000001"), mask_png(values(0, 15, width_px=7)))
    with pytest.raises(ItemError, match=r"SegmentationClass/2007_000001\.png: the mask") as caught:
        read_one(tree, "2007_000001")
    assert caught.value.outcome == Outcome.SIZE_MISMATCH


@pytest.mark.parametrize("mode", ["L", "LA", "RGB"])
@pytest.mark.parametrize("remap", ["coco", "none"])
def test_a_mask_that_is_no_palette_image_is_refused(tree, mode, remap):
    write(tree.mask("2007_000001"), mask_png(values(0, 15), mode))
    with pytest.raises(ItemError) as caught:
        read_one(tree, "2007_000001", remap=remap)
    assert caught.value.outcome == Outcome.UNREADABLE
    expected = f"SegmentationClass/2007_000001.png: a mask in mode {mode}, expected one of P"
    assert str(caught.value) == expected


@pytest.mark.parametrize("value", [21, 128, 254])
def test_a_value_that_voc_does_not_have_is_told(tree, value):
    write(tree.mask("2007_000001"), mask_png(values(0, value)))
    where = rf"SegmentationClass/2007_000001.png: mask holds values \[{value}\]"
    with pytest.raises(ItemError, match=where) as caught:
        read_one(tree, "2007_000001")
    assert caught.value.outcome == Outcome.UNKNOWN_ID


def test_a_list_is_held_against_the_files(tree):
    tree.mask("2007_000001").unlink()
    tree.image("2007_000002").unlink()
    tree.list("train", ["2007_000001", "2007_000002", "2007_000003", "2007_000009"])
    listing = voc.list_split(request(tree.root))
    assert stems(listing) == ["2007_000003"]
    assert listing.notes == ()  # the mask without an image has failed by name already
    images, masks = "JPEGImages", "SegmentationClass"
    assert rows(listing) == [
        (
            "voc/2007_000001",
            Outcome.MISSING,
            f"{masks}/2007_000001.png: there is an image but no mask",
        ),
        (
            "voc/2007_000002",
            Outcome.MISSING,
            f"{images}/2007_000002.jpg: there is a mask but no image",
        ),
        (
            "voc/2007_000009",
            Outcome.MISSING,
            f"{images}/2007_000009.jpg: no such image, but ImageSets/Segmentation/train.txt "
            "names it",
        ),
    ]


def test_masks_without_an_image_that_no_list_names_are_counted_in_a_note(tree):
    write(tree.mask("2007_000032"), mask_png(values(0)))
    listing = voc.list_split(request(tree.root))
    assert listing.failures == ()
    assert listing.notes == (
        "1 masks of SegmentationClass have no image; ImageSets/Segmentation/train.txt does not "
        "name them, so they are passed over",
    )


def test_blank_lines_carriage_returns_and_a_byte_order_mark_in_a_list_mean_nothing(tree):
    write(tree.list_path("train"), "2007_000001\r\n\r\n 2007_000002 \r\n".encode("utf-8-sig"))
    assert stems(voc.list_split(request(tree.root))) == ["2007_000001", "2007_000002"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"2007_000001\n\n2007_000001\n", r"train\.txt:3: image '2007_000001' is listed twice"),
        (b"../../etc/passwd\n", r"train\.txt:1: expected the name of an image, got '\.\./\.\./e"),
        (b".hidden\n", r"train\.txt:1: expected the name of an image, got '\.hidden'"),
        ("\n\nbär\n".encode("latin-1"), r"train\.txt:3: expected UTF-8, got the byte 0xe4"),
    ],
)
def test_a_wrong_list_is_told_with_file_and_line(tree, data, message):
    write(tree.list_path("train"), data)
    with pytest.raises(DatasetError, match=message):
        voc.list_split(request(tree.root))


def test_a_name_with_a_zero_byte_is_a_missing_image(tree):
    write(tree.list_path("train"), b"2007_000001\na\0b\n")
    listing = voc.list_split(request(tree.root))
    assert stems(listing) == ["2007_000001"]
    assert [row.outcome for row in listing.failures] == [Outcome.MISSING]


def test_a_missing_list_is_told_with_what_to_download(tree):
    tree.list_path("val").unlink()
    with pytest.raises(DatasetError) as caught:
        voc.list_split(request(tree.root, "val"))
    home = tree.root.parent.parent  # that of the archive's folders, though the root is inside
    message = str(caught.value)
    assert f"{tree.list_path('val')}: no such list, so nothing says which images are" in message
    assert f"`vsda fetch voc --out {home}` brings VOCtrainval_11-May-2012.tar" in message
    assert message.endswith("or use --split unlabelled for all images")


def test_a_missing_root_is_told_with_where_to_look_and_what_to_download(tmp_path):
    with pytest.raises(DatasetError) as caught:
        voc.list_split(request(tmp_path))
    message = str(caught.value)
    places = ("JPEGImages", "VOC2012/JPEGImages", "VOCdevkit/VOC2012/JPEGImages")
    assert f"looked for {', '.join(f'{tmp_path}/{place}' for place in places)}; " in message
    assert f"`vsda fetch voc --out {tmp_path}` brings VOCtrainval_11-May-2012.tar (ht" in message


def test_missing_masks_are_told_with_what_needs_none(tmp_path):
    write(tmp_path / "JPEGImages" / "1.jpg", jpeg())
    with pytest.raises(DatasetError, match=r"SegmentationClass: no such folder; .* unlabelled"):
        voc.list_split(request(tmp_path))


def test_an_image_of_odd_name_has_a_legal_key_and_its_own_name(tree):
    tree.add("a b.c").list("train", ["a b.c"])
    (sample,) = read_one(tree, "a b.c")
    assert (sample.key, sample.facts.frame) == ("voc/a-b-c", "a b.c")


def test_names_that_become_one_key_fail_both(tree, tmp_path):
    tree.add("a b").add("a-b").list("train", ["a b", "a-b", "2007_000001"])
    report = prepared(tree, tmp_path / "out")
    assert report.num_samples == 1
    assert [row.outcome for row in report.failures] == [Outcome.SAME_KEY] * 2


@pytest.mark.parametrize("kind", ["image", "mask", "objects"])
def test_a_link_that_leads_nowhere_fails_its_image_alone(tree, tmp_path, kind):
    path = getattr(tree, kind)("2007_000001")
    path.unlink()
    path.symlink_to("nowhere")
    report = prepared(tree, tmp_path / "out", classes="all")
    assert report.num_samples == 2
    assert [(row.key, row.outcome) for row in report.failures] == [
        ("voc/2007_000001", Outcome.UNREADABLE)
    ]


def test_unlabelled_is_every_photograph_without_masks(tree):
    listing = voc.list_split(request(tree.root, "unlabelled"))
    assert stems(listing) == [*(f"2007_00000{number}" for number in (1, 2, 3, 4)), "2008_000005"]
    (sample,) = read_one(tree, "2007_000002", "unlabelled")
    assert (sample.seg, sample.inst) == (None, None)
    assert (sample.facts.labelled, sample.facts.split) == (False, "unlabelled")
    assert (sample.key, sample.jpg) == ("voc/2007_000002", jpeg())


def test_unlabelled_may_be_the_images_of_the_segmentation_task(tree):
    tree.list("trainval", ["2007_000001", "2008_000005", "2009_000009"])
    listing = voc.list_split(request(tree.root, "unlabelled", images="segmentation"))
    assert stems(listing) == ["2007_000001", "2008_000005"]
    assert [row.message for row in listing.failures] == [
        "JPEGImages/2009_000009.jpg: no such image, but ImageSets/Segmentation/trainval.txt "
        "names it"
    ]
    assert listing.settings["images"] == "segmentation"


def test_unlabelled_needs_photographs_and_nothing_else(tmp_path):
    write(tmp_path / "JPEGImages" / "1.jpg", jpeg())
    assert stems(voc.list_split(request(tmp_path, "unlabelled"))) == ["1"]


def test_unlabelled_says_that_labels_mean_nothing_and_so_does_its_index(tree, tmp_path):
    first = prepared(tree, tmp_path, split="unlabelled", classes="dog")
    assert first.notes == ("images alone: --remap, --classes and --outside mean nothing here",)
    settings = load_index(str(tmp_path / "voc-unlabelled.index.json")).settings
    assert (settings["remap"], settings["classes"], settings["outside"]) == ("none", None, None)
    again = prepared(tree, tmp_path, split="unlabelled", classes="person", outside="ignore")
    assert again.up_to_date


@pytest.mark.parametrize("split", ["train", "all"])
def test_choosing_images_of_a_labelled_split_is_refused(tree, tmp_path, split):
    options = voc.VocOptions(images="segmentation")
    with pytest.raises(UsageError, match=r"--images segmentation .*; leave it out, or use --spli"):
        prepared(tree, tmp_path, split=split, own=options)


def test_an_unknown_choice_of_images_is_told(tree, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown --images 'jpgs'"):
        prepared(tree, tmp_path, split="unlabelled", own=voc.VocOptions(images="jpgs"))


def test_all_splits_are_train_and_val(tree, tmp_path):
    reports = prepare("voc", PrepareOptions(root=tree.root, out=tmp_path, classes="all"))
    assert [report.name for report in reports] == ["voc-train", "voc-val"]


def test_a_set_is_left_out_counted_and_read_by_webdataset(tree, tmp_path):
    report = prepared(tree, tmp_path)
    assert (report.num_samples, report.num_failed) == (2, 0)
    assert report.outcomes == {"left-out": 1, "ok": 2}  # DAVIS has no sheep in common with COCO
    first, second = read_with_webdataset(tmp_path, "voc-train")
    assert [first["__key__"], second["__key__"]] == ["voc/2007_000001", "voc/2007_000002"]
    assert {"jpg", "json", "seg.png", "inst.png"} <= first.keys()
    assert json.loads(second["json"])["classes"] == [18]


def test_the_plan_counts_what_prepare_writes(tree, tmp_path):
    (planned,) = plan("voc", PrepareOptions(root=tree.root, out=tmp_path, split="train"))
    assert (planned.num_samples, planned.class_frames) == (2, {"person": 1, "dog": 1})
    (planned,) = plan("voc", PrepareOptions(root=tree.root, out=tmp_path, split="unlabelled"))
    assert (planned.num_samples, planned.class_frames) == (5, {})


def test_the_same_bytes_come_from_two_workers_and_from_a_moved_folder(tree, tmp_path):
    prepared(tree, tmp_path / "one")
    moved = VocTree.__new__(VocTree)
    moved.root = tree.root.rename(tmp_path / "elsewhere")
    prepared(moved, tmp_path / "two", num_workers=2)
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


def test_the_digest_knows_the_masks_of_objects(tree):
    first = voc.list_split(request(tree.root)).digest()
    write(tree.objects("2007_000001"), mask_png(values(*range(200))))
    larger = voc.list_split(request(tree.root)).digest()
    tree.objects("2007_000001").unlink()
    assert len({first, larger, voc.list_split(request(tree.root)).digest()}) == 3


def run_command(*arguments):
    app = typer.Typer()
    app.command()(voc_command)
    app.command("other")(lambda: None)  # with one command alone there would be no names
    return CliRunner().invoke(app, ["voc", *map(str, arguments)])


def test_the_command_writes_both_sets(tree, tmp_path):
    result = run_command("--root", tree.root, "--out", tmp_path, "--classes", "all")
    assert result.exit_code == 0
    assert result.stdout.startswith("voc-train: 3 frames, 4 classes, 1 shards")


def test_the_command_writes_the_photographs_of_the_segmentation_task(tree, tmp_path):
    more = ("--split", "unlabelled", "--images", "segmentation")
    result = run_command("--root", tree.root, "--out", tmp_path, *more)
    assert result.exit_code == 0
    index = load_index(str(tmp_path / "voc-unlabelled.index.json"))
    assert index.command.startswith("vsda prepare voc --split unlabelled")
    assert "--images segmentation" in index.command


def test_the_recipe_names_a_dataset_that_is_there():
    from vsda.cli.prepare import resolve_options

    options = resolve_options("voc", {"root": Path("x"), "out": "y"})
    assert options.own == voc.VocOptions(images="jpegs")


def test_real_pairs_are_prepared_and_the_masks_alone_are_noted(real_samples, tmp_path):
    options = PrepareOptions(
        root=real_samples / "voc", out=tmp_path, split="train", classes="all", num_workers=1
    )
    (report,) = prepare("voc", options)
    assert (report.num_samples, report.num_failed) == (3, 0)
    assert "12 masks of SegmentationClass have no image" in report.notes[0]
    found = {row["__key__"]: row for row in read_with_webdataset(tmp_path, "voc-train")}
    classes = {key: json.loads(row["json"])["classes"] for key, row in found.items()}
    assert classes == {
        "voc/2011_000003": [1, 44],  # person, bottle
        "voc/2011_000006": [1, 62, 63],  # person, chair, couch
        "voc/2011_000025": [3, 6],  # car, bus
    }


def test_real_photographs_are_prepared_without_labels(real_samples, tmp_path):
    options = PrepareOptions(
        root=real_samples / "voc", out=tmp_path, split="unlabelled", num_workers=1
    )
    (report,) = prepare("voc", options)
    assert (report.num_samples, report.num_failed) == (3, 0)
    assert all("seg.png" not in row for row in read_with_webdataset(tmp_path, "voc-unlabelled"))


def test_real_masks_hold_values_that_the_table_knows(real_samples):
    root = real_samples / "voc/VOCdevkit/VOC2012"
    unit = voc.list_split(request(real_samples / "voc")).units[0]
    masks = sorted((root / "SegmentationClass").glob("*.png"))
    assert len(masks) == 15
    for path in masks:
        item = voc.Item(
            key="voc/x",
            frame=path.stem,
            frame_index=0,
            image="",
            mask=f"SegmentationClass/{path.name}",
            image_bytes=0,
        )
        source = Source(dataset="voc", split="train", root=root)
        assert voc.classes_of(source, unit, item)
