"""The three forms of DAVIS's masks: object ids, category numbers, objects without a table."""

import json
import shutil

import numpy as np
import pytest

from tests.fake_worlds import DavisTree, mask_png, small_davis, snapshot, values, write
from vsda.datasets.davis import dataset as davis
from vsda.datasets.davis.layout import DavisOptions
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request, Source
from vsda.errors import (
    DatasetError,
    ItemError,
    ManifestError,
    Outcome,
    UnknownNameError,
    UsageError,
)
from vsda.manifests import davis_categories
from vsda.prepare import PrepareOptions, plan, prepare
from vsda.shards.index import load_index

HEADER = "sequence\tobject_id\tcategory\tclass\n"
BICYCLE, MOTORCYCLE, PERSON = 5, 44, 48  # values of Annotations_semantics


def request(root, annotations, remap="coco", classes=None, **more):
    rules = label_rules(remap, classes, "background")
    options = DavisOptions(annotations=annotations, **more)
    return Request(root=root, split="train", rules=rules, options=options)


def names(listing):
    return [unit.sequence for unit in listing.units]


def read_first(tree, sequence, annotations, **more):
    asked = request(tree.root, annotations, **more)
    listing = davis.list_split(asked)
    unit = next(unit for unit in listing.units if unit.sequence == sequence)
    source = Source(dataset="davis", split="train", root=listing.root, options=asked.options)
    (sample,) = davis.read(source, unit, unit.items[0])
    return sample


def with_form(tree, folder, **ids):
    """Give a tree masks of another form beside `Annotations`, by sequence what they hold."""
    tree.masks = tree.root / folder / "480p"
    for name, present in ids.items():
        sequence = name.replace("_", "-")
        for path in (tree.images / sequence).iterdir():
            write(tree.masks / sequence / f"{path.stem}.png", mask_png(values(*present)))
    return tree


@pytest.fixture
def semantic(tmp_path):
    """small_davis with category numbers: bear 4, bicycle 5, person 48."""
    tree = small_davis(tmp_path / "davis")
    return with_form(
        tree,
        "Annotations_semantics",
        bear=(0, 4),
        bmx_bumps=(0, BICYCLE, PERSON, 255),
        lucia=(0, PERSON),
    )


@pytest.fixture
def unsupervised(tmp_path):
    tree = small_davis(tmp_path / "davis")
    ids = {"bear": (0, 1), "bmx_bumps": (0, 2, 1, 255), "lucia": (0, 1, 9)}
    return with_form(tree, "Annotations_unsupervised", **ids)


def test_instances_are_the_default_and_named_nowhere(tmp_path):
    tree = small_davis(tmp_path / "davis")
    plain = davis.list_split(request(tree.root, "instances"))
    assert DavisOptions().annotations == "instances"
    assert plain.units[0].items[0].mask == "Annotations/480p/bmx-bumps/00000.png"
    assert plain.settings.keys() == {"resolution", "class_map", "class_map_sha256"}


def test_forms_beside_them_change_nothing_for_instances(semantic, tmp_path):
    options = PrepareOptions(root=semantic.root, out=tmp_path / "one", num_workers=1)
    prepare("davis", options)
    shutil.rmtree(semantic.root / "Annotations_semantics")
    prepare("davis", PrepareOptions(root=semantic.root, out=tmp_path / "two", num_workers=1))
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


def test_an_unknown_form_is_told(semantic, tmp_path):
    own = DavisOptions(annotations="semantic")
    with pytest.raises(UnknownNameError, match=r"unknown --annotations 'semantic'.*'semantics'"):
        prepare("davis", PrepareOptions(root=semantic.root, out=tmp_path, own=own))


@pytest.mark.parametrize(
    ("annotations", "resolution", "message"),
    [
        (
            "semantics",
            "480p",
            "Annotations_semantics/480p: no such folder; .* --only semantics` brings "
            "DAVIS-2017_semantics-480p.zip",
        ),
        (
            "semantics",
            "Full-Resolution",
            "--only semantics --resolution Full-Resolution` brings "
            "DAVIS-2017_semantics-Full-resolution.zip",
        ),
        (
            "unsupervised",
            "480p",
            "--only unsupervised` brings DAVIS-2017-Unsupervised-trainval-480p.zip",
        ),
    ],
)
def test_missing_masks_are_told_with_their_own_archive(tmp_path, annotations, resolution, message):
    tree = DavisTree(tmp_path, resolution)
    with pytest.raises(DatasetError, match=message):
        davis.list_split(request(tree.root, annotations, remap="none", resolution=resolution))


def test_semantics_become_coco_ids_and_no_objects(semantic):
    sample = read_first(semantic, "bmx-bumps", "semantics")
    np.testing.assert_array_equal(sample.seg, values(0, 2, 1, 255))
    assert sample.inst is None
    assert (sample.facts.labelled, sample.facts.classes) == (True, (1, 2))
    assert sample.key == "davis/bmx-bumps/00000"


def test_semantics_leave_out_the_sequences_that_instances_leave_out(semantic):
    listing = davis.list_split(request(semantic.root, "semantics"))
    assert names(listing) == ["bmx-bumps", "lucia"]
    assert "left out, no object of a chosen class: bear" in listing.notes
    assert names(davis.list_split(request(semantic.root, "semantics", classes="bear"))) == ["bear"]


def test_semantics_without_remap_are_kept_as_they_are(semantic):
    sample = read_first(semantic, "bmx-bumps", "semantics", remap="none")
    assert sample.seg is None
    np.testing.assert_array_equal(sample.inst, values(0, BICYCLE, PERSON, 255))
    listing = davis.list_split(request(semantic.root, "semantics", remap="none"))
    assert listing.settings == {"resolution": "480p", "annotations": "semantics"}


@pytest.mark.parametrize("present", [(0, 1), (0, MOTORCYCLE), (0, 79), (0, 254)])
def test_a_category_that_a_sequence_does_not_have_is_told(semantic, present):
    """Above all object ids where categories should be: 1 would be an airplane."""
    write(semantic.mask("lucia"), mask_png(values(*present)))
    with pytest.raises(ItemError) as caught:
        read_first(semantic, "lucia", "semantics")
    assert caught.value.outcome == Outcome.UNKNOWN_ID
    assert str(caught.value) == (
        f"Annotations_semantics/480p/lucia/00000.png: sequence 'lucia': mask holds values "
        f"[{present[1]}] that its class table lacks; known: [0, 48, 255]"
    )


@pytest.mark.parametrize("folder", ["", "Annotations_semantics"])
def test_the_packages_own_tables_count(semantic, folder):
    categories = {"person": {"id": 7, "super_category": "person"}, "dog": {"id": "8"}}
    objects = {"lucia": {"1": "person"}, "bear": {"1": "dog", "2": "person"}}
    at = semantic.root / folder
    write(at / "categories.json", json.dumps(categories).encode())
    write(at / "davis_semantics.json", json.dumps(objects).encode())
    write(semantic.mask("bear"), mask_png(values(0, 8, 7)))
    sample = read_first(semantic, "bear", "semantics")
    np.testing.assert_array_equal(sample.seg, values(0, 18, 1))
    listing = davis.list_split(request(semantic.root, "semantics"))
    assert "categories.json has other ids than the manifest, and counts: person, dog" in (
        listing.notes
    )
    assert [(row.key, row.outcome) for row in listing.failures] == [
        ("davis/bmx-bumps", Outcome.UNKNOWN_ID)
    ]
    assert listing.settings["class_map"] == "davis_semantics.json"
    assert listing.settings["categories"] == "categories.json"


def test_the_packages_tables_equal_to_the_manifest_give_the_same_labels(semantic, tmp_path):
    plain = davis.list_split(request(semantic.root, "semantics", classes="all"))
    rows = {row.name: {"id": row.id, "super_category": "x"} for row in davis_categories()}
    write(semantic.root / "categories.json", json.dumps(rows).encode())
    own = davis.list_split(request(semantic.root, "semantics", classes="all"))
    assert own.units == plain.units
    assert own.notes == plain.notes
    assert own.settings["categories"] == "categories.json"
    assert plain.settings["categories"] == "manifest"


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (
            {"1": "dragon"},
            "sequence 'lucia' of ImageSets/2017/train.txt has the category 'dragon', of which the "
            "manifest's table of categories has no id, so none of its 3 frames is written",
        ),
        ({"1": "person", "2": "Person"}, "has the category 'Person'"),
    ],
)
def test_a_category_that_nothing_knows_fails_its_sequence_by_name(semantic, objects, message):
    write(semantic.root / "davis_semantics.json", json.dumps({"lucia": objects}).encode())
    semantic.list("train", ["lucia"])
    listing = davis.list_split(request(semantic.root, "semantics"))
    (failure,) = listing.failures
    assert (failure.outcome, failure.num_items) == (Outcome.UNKNOWN_ID, 3)
    assert message in failure.message


def test_a_category_with_an_id_and_no_class_fails_its_sequence_by_name(semantic):
    write(semantic.root / "categories.json", b'{"dragon": {"id": 99}, "person": {"id": 48}}')
    write(semantic.root / "davis_semantics.json", b'{"lucia": {"1": "dragon"}}')
    semantic.list("train", ["lucia"])
    (failure,) = davis.list_split(request(semantic.root, "semantics")).failures
    assert "category 'dragon', of which the manifest's table of categories has" in failure.message


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("categories.json", b"{", "categories.json: not DAVIS's categories.json: the file: Inval"),
        ("categories.json", b"[]", "the file: Input should be an object"),
        ("categories.json", b'{"dog": 19}', r"dog: Input should be an object"),
        ("categories.json", b'{"dog": {}}', r"dog\.id: Field required"),
        ("categories.json", b'{"dog": {"id": 255}}', r"dog\.id: Input should be less than or e"),
        ("categories.json", b'{"dog": {"id": 0}}', r"dog\.id: Input should be greater than or"),
        ("categories.json", b'{"dog": {"id": 1e99}}', r"dog\.id: Unable to parse"),
        ("categories.json", b'{"dog": {"id": 1}, "cat": {"id": 1}}', "two categories have the sa"),
        ("categories.json", b"[" * 100_000, "the file: Invalid JSON: recursion limit"),
        ("categories.json", b" " * 10_000_001, "more than 10000000 bytes; take DAVIS's own file"),
        ("davis_semantics.json", b'{"lucia": ["person"]}', r"lucia: Input should be an object"),
        ("davis_semantics.json", b'{"lucia": {"1": 48}}', r"lucia\.1: Input should be a valid str"),
        ("davis_semantics.json", b"\xff\xfe", "the file: Invalid JSON"),
    ],
)
def test_a_broken_table_of_the_package_is_told_with_its_file(semantic, name, data, message):
    write(semantic.root / name, data)
    with pytest.raises(DatasetError, match=message) as caught:
        davis.list_split(request(semantic.root, "semantics"))
    assert str(caught.value).startswith(str(semantic.root / name))


def test_a_class_map_gives_categories_other_classes(semantic, tmp_path):
    table = write(tmp_path / "my.tsv", f"{HEADER}lucia\t1\tperson\tdog\n".encode())
    semantic.list("train", ["lucia"])
    sample = read_first(semantic, "lucia", "semantics", class_map=table)
    np.testing.assert_array_equal(sample.seg, values(0, 18))


def test_a_class_map_with_two_classes_for_a_category_is_refused(semantic, tmp_path):
    rows = "lucia\t1\tperson\tperson\nlucia\t2\tperson\tdog\n"
    table = write(tmp_path / "my.tsv", f"{HEADER}{rows}".encode())
    with pytest.raises(ManifestError, match=r"my\.tsv: category 'person' of 'lucia' has the cla"):
        davis.list_split(request(semantic.root, "semantics", class_map=table))


def test_the_plan_of_semantics_counts_the_classes_of_each_sequence(semantic, tmp_path):
    own = DavisOptions(annotations="semantics")
    (planned,) = plan(
        "davis", PrepareOptions(root=semantic.root, out=tmp_path, split="train", own=own)
    )
    assert planned.class_frames == {"person": 5, "bicycle": 2}


def test_the_index_of_semantics_names_the_form_and_the_command(semantic, tmp_path):
    own = DavisOptions(annotations="semantics")
    options = PrepareOptions(
        root=semantic.root, out=tmp_path, split="train", own=own, num_workers=1
    )
    (report,) = prepare("davis", options)
    assert (report.num_samples, report.num_failed) == (5, 0)
    index = load_index(str(tmp_path / "davis-train.index.json"))
    assert index.settings["annotations"] == "semantics"
    assert "--annotations semantics" in index.command


def test_unsupervised_objects_have_no_class_so_coco_is_refused(unsupervised):
    with pytest.raises(UsageError) as caught:
        davis.list_split(request(unsupervised.root, "unsupervised"))
    assert str(caught.value) == (
        "no table says which class the objects of Annotations_unsupervised have: their ids are "
        "not those of Annotations; use --remap none for object ids alone, or give a --class-map "
        "with their classes"
    )


def test_unsupervised_objects_are_kept_as_ids_of_unlabelled_frames(unsupervised):
    sample = read_first(unsupervised, "lucia", "unsupervised", remap="none")
    assert sample.seg is None
    np.testing.assert_array_equal(sample.inst, values(0, 1, 9))
    assert (sample.facts.labelled, sample.facts.classes) == (False, ())
    listing = davis.list_split(request(unsupervised.root, "unsupervised", remap="none"))
    assert names(listing) == ["bear", "bmx-bumps", "lucia"]
    assert listing.settings == {"resolution": "480p", "annotations": "unsupervised"}


def test_unsupervised_objects_have_the_classes_of_a_table(unsupervised, tmp_path):
    rows = "lucia\t1\tperson\tperson\nlucia\t9\tball\tsports ball\n"
    table = write(tmp_path / "my.tsv", f"{HEADER}{rows}".encode())
    sample = read_first(unsupervised, "lucia", "unsupervised", class_map=table, classes="all")
    np.testing.assert_array_equal(sample.seg, values(0, 1, 37))
    np.testing.assert_array_equal(sample.inst, values(0, 1, 9))
    assert sample.facts.labelled
    listing = davis.list_split(request(unsupervised.root, "unsupervised", class_map=table))
    assert [(row.key, row.num_items) for row in listing.failures] == [
        ("davis/bear", 2),
        ("davis/bmx-bumps", 2),
    ]


def test_unsupervised_needs_no_semi_supervised_masks(unsupervised):
    shutil.rmtree(unsupervised.root / "Annotations")
    listing = davis.list_split(request(unsupervised.root, "unsupervised", remap="none"))
    assert names(listing) == ["bear", "bmx-bumps", "lucia"]


def test_the_command_takes_the_form(semantic, tmp_path, vsda):
    arguments = ("--root", semantic.root, "--out", tmp_path / "out", "--split", "train")
    done = vsda("prepare", "davis", *arguments, "--annotations", "semantics")
    assert done.stdout.startswith("davis-train: 5 frames, 2 sequences, 2 classes")
    refused = vsda("prepare", "davis", *arguments, "--annotations", "unsupervised", code=2)
    assert "use --remap none" in refused.stderr
