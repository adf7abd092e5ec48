"""Every table parses, and every row of it agrees with the others and with the datasets."""

import csv
import itertools
from collections import Counter
from pathlib import Path
from typing import get_type_hints

import pytest

from tests.fake_worlds import jpeg, mask_png, values
from tests.fetch.archives import make_tar, make_zip
from vsda import manifests
from vsda.cli import archives as fetch_commands
from vsda.datasets import DATASETS, get_dataset
from vsda.datasets.davis.layout import DavisOptions
from vsda.datasets.labels import label_rules
from vsda.datasets.listing import Request
from vsda.errors import ManifestError, Outcome
from vsda.fetch.archive import fetch
from vsda.fetch.archive_plan import FetchOptions, State
from vsda.manifests import BACKGROUND_CLASS, IGNORE_CLASS, NO_CLASS, archives, digests, weights
from vsda.recipes.data import DataRecipe, own_options
from vsda.recipes.load import load_recipe, recipe_paths
from vsda.resources import resource_dir
from vsda.synth import catalogue, styles
from vsda.taxonomy import class_ids, datasets_with_classes, shared_classes, split_classes

MANIFESTS = resource_dir("manifests")
TABLES = sorted(MANIFESTS.rglob("*.tsv"))
PACKAGE = Path(manifests.__file__).parent.parent
FACTS = PACKAGE.parent.parent / "shared" / "facts"
WITH_SOURCES = sorted(
    path.parent.name
    for path in TABLES
    if path.parent.name not in {"cards", "weights"} and path.name == "sources.tsv"
)
TEN = {
    "person": 1,
    "bicycle": 2,
    "car": 3,
    "motorcycle": 4,
    "bird": 16,
    "dog": 18,
    "horse": 19,
    "backpack": 27,
    "surfboard": 42,
    "cell phone": 77,
}
NETWORKS = {"swin_upernet", "video_swin_upernet", "deeplabv3", "timm_upernet"}
COCO_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}


def facts(name):
    """Return the rows of a table of facts; skips where it is absent."""
    path = FACTS / name
    if not path.is_file():
        pytest.skip(f"no table of facts at {path}")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_are_tables():
    assert len(TABLES) >= 6


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_table_says_where_it_comes_from_and_has_whole_rows(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert comments
    assert lines[: len(comments)] == comments
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_row_of_a_table_is_written_twice_and_no_cell_is_empty(path):
    lines = [row for row in path.read_text(encoding="utf-8").splitlines() if row[0] != "#"]
    assert len(set(lines)) == len(lines)
    for cell in itertools.chain.from_iterable(line.split("\t") for line in lines):
        assert cell == cell.strip() != ""


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_table_is_read_by_the_package(path):
    code = "".join(file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))
    by_name = f'manifest_path("{path.parent.name}", "{path.stem}")' in code
    is_of_sources = path.stem == "sources" and 'manifest_path(dataset, "sources")' in code
    assert by_name or is_of_sources


def test_coco_has_80_classes_with_ids_up_to_90():
    classes = manifests.coco_classes()
    assert len(classes) == 80
    assert [row.id for row in classes] == sorted(row.id for row in classes)
    assert (classes[0].name, classes[-1].id) == ("person", 90)


def test_stuffthingmaps_value_is_the_class_id_minus_one():
    ids = {row.name: row.id for row in manifests.coco_classes()}
    things = [row for row in manifests.stuffthing_values() if row.class_name in ids]
    assert len(things) == 80
    assert all(row.value == ids[row.class_name] - 1 for row in things)


def test_stuffthingmaps_lists_every_value_up_to_181_and_255():
    values = {row.value for row in manifests.stuffthing_values()}
    assert values == {*range(182), 255}


def test_davis_totals_are_those_of_the_dataset():
    sequences = manifests.davis_sequences()
    frames = dict.fromkeys(("train", "val"), 0)
    for row in sequences:
        frames[row.split] += row.num_frames
    assert len(sequences) == 90
    assert frames == {"train": 4209, "val": 1999}


def test_every_davis_sequence_has_objects_numbered_from_one():
    objects: dict[str, list[int]] = {}
    for row in manifests.davis_objects():
        objects.setdefault(row.sequence, []).append(row.object_id)
    assert objects.keys() == {row.name for row in manifests.davis_sequences()}
    assert all(sorted(ids) == list(range(1, len(ids) + 1)) for ids in objects.values())


def test_coco_leaves_out_the_ids_that_it_dropped():
    ids = {row.id for row in manifests.coco_classes()}
    assert set(range(1, 91)) - ids == COCO_GAPS
    assert len({row.supercategory for row in manifests.coco_classes()}) == 12


def test_stuffthingmaps_names_every_thing_as_coco_does_and_all_else_background():
    names = {row.id: row.name for row in manifests.coco_classes()}
    for row in manifests.stuffthing_values():
        if row.value == 255:
            assert row.class_name == IGNORE_CLASS
        elif row.value + 1 in names:
            assert row.label == row.class_name == names[row.value + 1]
        else:
            assert row.class_name == BACKGROUND_CLASS
            assert row.value >= 91 or row.value + 1 in COCO_GAPS | {91}


def test_the_ten_classes_are_those_that_davis_has_in_both_splits():
    shared = shared_classes("davis")
    assert dict(zip(shared.names, shared.ids, strict=True)) == TEN


def test_the_ten_classes_keep_3401_train_and_1558_val_frames_of_davis():
    kept = {row.sequence for row in manifests.davis_objects() if row.class_name in TEN}
    frames, sequences = Counter(), Counter()
    for row in manifests.davis_sequences():
        if row.name in kept:
            frames[row.split] += row.num_frames
            sequences[row.split] += 1
    assert frames == {"train": 3401, "val": 1558}
    assert sequences == {"train": 49, "val": 25}


def test_every_object_of_davis_is_as_the_facts_say():
    rows = facts("davis_objects.csv")
    sequences = {row.name: row for row in manifests.davis_sequences()}
    ids = class_ids()
    ours = {
        (
            sequences[row.sequence].split,
            row.sequence,
            str(sequences[row.sequence].num_frames),
            str(row.object_id),
            row.category,
            "" if row.class_name == NO_CLASS else row.class_name,
            "" if row.class_name == NO_CLASS else str(ids[row.class_name]),
        )
        for row in manifests.davis_objects()
    }
    assert ours == {tuple(row.values()) for row in rows}
    assert len(ours) == len(rows)


def test_every_category_of_davis_has_one_class():
    class_of = {}
    for row in manifests.davis_objects():
        assert class_of.setdefault(row.category, row.class_name) == row.class_name


def test_the_categories_of_davis_are_numbered_by_name_and_mapped_as_its_objects_are():
    categories = manifests.davis_categories()
    assert [row.id for row in categories] == list(range(1, 79))
    assert [row.name for row in categories] == sorted(row.name for row in categories)
    class_of = {row.name: row.class_name for row in categories}
    for row in manifests.davis_objects():
        assert class_of[row.category] == row.class_name


def test_a_category_of_davis_that_coco_names_alike_has_that_class():
    names = class_ids()
    for row in manifests.davis_categories():
        if row.name in names:
            assert row.class_name == row.name


def test_every_class_of_youtube_bb_is_as_the_facts_say():
    rows = facts("ytbb_classes.csv")
    ids = class_ids()
    ours = [
        (
            str(row.id),
            row.name,
            str(ids.get(row.class_name, "")),
            "yes" if row.class_name in TEN else "no",
        )
        for row in manifests.ytbb_classes()
    ]
    assert ours == [tuple(row.values()) for row in rows]


def test_a_class_of_youtube_bb_has_the_name_that_coco_gives_it():
    for row in manifests.ytbb_classes():
        assert row.class_name == (NO_CLASS if row.name == "none" else row.name)
    assert len(set(shared_classes("ytbb").ids) & set(TEN.values())) == 7


def test_voc_has_20_classes_of_coco_in_the_order_of_their_names():
    rows = manifests.voc_values()
    assert [row.value for row in rows] == [*range(21), 255]
    assert (rows[0].class_name, rows[-1].class_name) == (BACKGROUND_CLASS, IGNORE_CLASS)
    labels = [row.label for row in rows[1:-1]]
    assert labels == sorted(labels)
    assert len({row.class_name for row in rows[1:-1]} & class_ids().keys()) == 20


def test_voc_has_other_words_for_six_classes_of_coco():
    other = {row.label: row.class_name for row in manifests.voc_values()[1:-1]}
    assert {label: name for label, name in other.items() if label != name} == {
        "aeroplane": "airplane",
        "diningtable": "dining table",
        "motorbike": "motorcycle",
        "pottedplant": "potted plant",
        "sofa": "couch",
        "tvmonitor": "tv",
    }


def test_every_sequence_of_fbms_is_in_the_split_that_the_facts_say():
    ours = {(row.split, row.name) for row in manifests.fbms_sequences()}
    assert ours == {(row["split"], row["sequence"]) for row in facts("fbms_sequences.csv")}


@pytest.mark.parametrize("dataset", datasets_with_classes())
def test_every_split_has_classes_and_every_class_is_one_of_coco(dataset):
    known = class_ids()
    for classes in split_classes(dataset).values():
        assert len(classes) > 0
        assert all(
            known[name] == number for name, number in zip(classes.names, classes.ids, strict=True)
        )


def test_a_dataset_has_sources_and_a_recipe_of_its_name():
    recipes = recipe_paths("data")
    for name in DATASETS.keys() - {"folder"}:  # a folder is the user's own
        assert name in WITH_SOURCES
        assert name in recipes
        recipe = load_recipe(DataRecipe, recipes[name])
        assert recipe.dataset == name
        assert own_options(recipe, DATASETS[name].options, {})
        assert name in datasets_with_classes()


def test_a_recipe_is_of_a_dataset_that_is_known():
    for path in recipe_paths("data").values():
        assert load_recipe(DataRecipe, path).dataset in DATASETS


def test_there_are_sources():
    assert {"coco", "davis", "fbms", "voc", "ytbb"} <= set(WITH_SOURCES)


@pytest.mark.parametrize("dataset", WITH_SOURCES)
def test_sources_have_one_address_each(dataset):
    for source in manifests.sources(dataset):
        assert source.url.endswith(source.file)
    assert any(row.is_default for row in manifests.sources(dataset))


@pytest.mark.parametrize("dataset", WITH_SOURCES)
def test_the_parts_of_a_dataset_are_the_words_that_fetch_explains(dataset):
    command = getattr(fetch_commands, dataset, None)
    if command is None:
        return  # tables of boxes, which another command fetches with its videos
    hint = get_type_hints(command, include_extras=True)["only"]
    (option,) = hint.__metadata__
    for source in manifests.sources(dataset):
        for part in source.parts:
            assert part in option.help


@pytest.mark.parametrize("dataset", WITH_SOURCES)
def test_every_variant_of_a_dataset_has_the_same_parts(dataset):
    parts: dict[str | None, Counter[str]] = {}
    for source in manifests.sources(dataset):
        parts.setdefault(source.variant, Counter()).update(source.parts)
    assert len({frozenset(counts.items()) for counts in parts.values()}) == 1


ARCHIVES = {
    "coco": {
        "train2017.zip": {"train2017/1.jpg": jpeg()},
        "val2017.zip": {"val2017/2.jpg": jpeg()},
        "annotations_trainval2017.zip": {"annotations/instances_val2017.json": b"{}"},
        "stuffthingmaps_trainval2017.zip": {
            "train2017/1.png": mask_png(values(0), "L"),
            "val2017/2.png": mask_png(values(0), "L"),
        },
    },
    "voc": {
        "VOCtrainval_11-May-2012.tar": {
            f"VOCdevkit/VOC2012/{name}": data
            for name, data in {
                "JPEGImages/1.jpg": jpeg(),
                "SegmentationClass/1.png": mask_png(values(15)),
                "SegmentationObject/1.png": mask_png(values(1)),
                "ImageSets/Segmentation/train.txt": b"1\n",
                "ImageSets/Segmentation/val.txt": b"1\n",
            }.items()
        }
    },
}


def fetched(dataset, contents, tmp_path, **more):
    """Fetch archives with these contents from a mirror; return the dataset's folder."""
    for name, files in contents.items():
        (make_tar if name.endswith(".tar") else make_zip)(tmp_path / "mirror" / name, files)
    options = FetchOptions(
        root=tmp_path / dataset, mirror=str(tmp_path / "mirror"), unchecked=True, **more
    )
    assert {row.state for row in fetch(dataset, options)} == {State.FETCHED}
    return tmp_path / dataset


def listed(dataset, root, options=None, remap="coco"):
    """Return the listings of all splits of a dataset, as `prepare` asks for them."""
    chosen = get_dataset(dataset)
    rules = label_rules(remap, "all", "background")
    own = chosen.options() if options is None else options
    return [
        chosen.list_split(Request(root=root, split=split, rules=rules, options=own))
        for split in chosen.splits
    ]


@pytest.mark.parametrize("dataset", ARCHIVES)
def test_what_the_sources_bring_lies_where_prepare_looks(dataset, tmp_path):
    root = fetched(dataset, ARCHIVES[dataset], tmp_path)
    for listing in listed(dataset, root):
        assert [len(unit.items) for unit in listing.units] == [1]
        assert listing.failures == ()


@pytest.mark.parametrize("resolution", ["480p", "Full-Resolution"])
@pytest.mark.parametrize("form", ["instances", "semantics", "unsupervised"])
def test_what_the_sources_of_davis_bring_lies_where_prepare_looks(form, resolution, tmp_path):
    contents = {}
    folders = {"images": "JPEGImages", "annotations": "Annotations"}
    folders |= {"semantics": "Annotations_semantics", "unsupervised": "Annotations_unsupervised"}
    for source in manifests.sources("davis"):
        if source.variant != resolution:
            continue
        files = contents.setdefault(source.file, {})
        for part in source.parts:
            for name, category in (("lucia", 48), ("blackswan", 6)):
                image = f"DAVIS/{folders[part]}/{resolution}/{name}/00000"
                mask = mask_png(values(category if part == "semantics" else 1))
                files |= {f"{image}.jpg": jpeg()} if part == "images" else {f"{image}.png": mask}
    everything = ("images", "annotations", "semantics", "unsupervised")
    root = fetched("davis", contents, tmp_path, only=everything, variant=resolution)
    options = DavisOptions(annotations=form, resolution=resolution)
    remap = "none" if form == "unsupervised" else "coco"
    train, val = listed("davis", root, options, remap)
    assert [unit.sequence for unit in (*train.units, *val.units)] == ["lucia", "blackswan"]


def test_a_source_tells_what_is_known_of_it():
    davis = manifests.sources("davis")[0]
    assert (davis.size_bytes, davis.sha256, davis.md5) == (832766765, "e3d0b5b7...a492", None)
    assert (davis.parts, davis.variant) == (("images", "annotations"), "480p")
    assert (davis.strip, davis.into, davis.is_default) == ("DAVIS", ".", True)
    assert manifests.sources("voc")[0].md5 == "6cd6e144f989b92b3379bac3b3de84fd"
    assert manifests.sources("ytbb")[0].into is None


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("bytes", "0", "bytes must be positive"),
        ("bytes", "1.5", "invalid literal"),
        ("sha256", "e3d0", "sha256 must be its hexadecimal digits or '-'.* got 'e3d0'"),
        ("sha256", "e3d0...A492", "sha256 must be"),
        ("sha256", "e3d0b5b...", "sha256 must be"),
        ("sha256", "...e3d0b5b7", "sha256 must be"),
        ("sha256", "...", "sha256 must be"),
        ("md5", "0" * 64, "md5 must be"),
        ("default", "maybe", "default must be 'yes' or 'no', got 'maybe'"),
    ],
)
def test_a_wrong_source_is_told_with_its_line(tmp_path, monkeypatch, column, cell, message):
    row = dict(zip(archives._SOURCE_COLUMNS, ["f", "u", "1", *"-----", ".", "yes"], strict=True))
    lines = ["\t".join(row), "\t".join((row | {column: cell}).values())]
    (tmp_path / "sources.tsv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(archives, "manifest_path", lambda *_: tmp_path / "sources.tsv")
    manifests.sources.cache_clear()
    with pytest.raises(ManifestError, match=rf"sources\.tsv:2: {message}"):
        manifests.sources("davis")


@pytest.mark.parametrize("known", ["0" * 64, "00000000...", "0000...0000", "00000000...1111"])
def test_a_digest_may_be_known_in_full_at_both_ends_or_at_its_beginning(known):
    assert digests.known_sha256(known) == known


@pytest.mark.parametrize(
    ("expected", "fits"),
    [
        ("ab12cd34" * 8, True),
        ("ab12cd34...", True),
        ("ab12cd34...cd34", True),
        ("ab12cd3f" * 8, False),
        ("ab12cd3f...", False),
        ("ab12cd34...cd3f", False),
        ("cd34ab12...", False),
        ("ab12cd34", False),
    ],
)
def test_a_digest_known_in_part_is_compared_where_it_is_known(expected, fits):
    assert digests.digest_fits("ab12cd34" * 8, expected) is fits


def test_weights_have_names_that_are_words_and_the_networks_that_take_them():
    found = manifests.weights_sources()
    assert found["upernet-swin-t-ade20k"].networks == ("swin_upernet", "video_swin_upernet")
    for name, row in found.items():
        assert row.name == name
        assert not set("./") & set(name)
        assert set(row.networks) <= NETWORKS


def test_weights_of_torch_and_openmmlab_have_the_first_digits_of_their_digest_in_their_names():
    hosts = ("https://download.pytorch.org/", "https://download.openmmlab.com/")
    named = [row for row in manifests.weights_sources().values() if row.url.startswith(hosts)]
    assert len(named) == 5
    for row in named:
        assert row.url.endswith(f"/{row.file}")
        assert row.sha256.startswith(Path(row.file).stem.rpartition("-")[2])


def test_weights_of_torchvision_are_where_torchvision_looks_for_them():
    models = pytest.importorskip("torchvision.models")
    published = {
        "deeplabv3-r101-coco": models.get_weight(
            "DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1"
        ),
        "resnet101-imagenet": models.ResNet101_Weights.IMAGENET1K_V1,
        "resnet101-imagenet-v2": models.ResNet101_Weights.IMAGENET1K_V2,
        "swin-t-imagenet": models.Swin_T_Weights.IMAGENET1K_V1,
    }
    found = manifests.weights_sources()
    for name, file in published.items():
        (scores,) = file.meta["_metrics"].values()
        assert found[name].url == file.url
        figure = scores.get("acc@1", scores.get("miou"))
        assert found[name].figure.startswith(f"{figure:.1f} ")


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("bytes", "0", "bytes must be positive"),
        ("bytes", "much", "invalid literal"),
        ("sha256", "ab12", "sha256 must be its hexadecimal digits or '-'"),
    ],
)
def test_a_wrong_row_of_weights_is_told_with_its_line(tmp_path, monkeypatch, column, cell, message):
    row = dict(zip(weights._COLUMNS, ["a", "n", "l", "f", "u", "1", "-", "t", "-"], strict=True))
    lines = ["\t".join(row), "\t".join((row | {column: cell}).values())]
    (tmp_path / "sources.tsv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(weights, "manifest_path", lambda *_: tmp_path / "sources.tsv")
    manifests.weights_sources.cache_clear()
    with pytest.raises(ManifestError, match=rf"sources\.tsv:2: {message}"):
        manifests.weights_sources()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\tname\n1\n", "2: expected 2 columns, got 1"),
        ("number\tname\n1\tx\n", r"expected the columns \['id', 'name'\]"),
        ("id\tname\nx\ty\n", "2: invalid literal"),
        ("# nothing\nid\tname\n", "the table has no rows"),
    ],
)
def test_wrong_table_is_told_with_its_line(tmp_path, text, message):
    path = tmp_path / "table.tsv"
    path.write_text(text)
    with pytest.raises(ManifestError, match=message):
        manifests.read_table(path, ("id", "name"), lambda cells: (int(cells[0]), cells[1]))


def test_table_in_another_encoding_is_told_with_its_file(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes("id\tname\n1\tcafé\n".encode("latin-1"))
    with pytest.raises(ManifestError, match=r"table\.tsv: .*; save the table as text in UTF-8"):
        manifests.read_table(path, ("id", "name"), tuple)


def test_table_of_a_spreadsheet_may_start_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("id\tname\n1\tx\n", encoding="utf-8-sig")
    assert manifests.read_table(path, ("id", "name"), tuple) == (("1", "x"),)


def test_missing_table_is_told(tmp_path):
    with pytest.raises(ManifestError, match="no such table"):
        manifests.read_table(tmp_path / "none.tsv", ("id",), lambda cells: cells)


def test_youtube_bb_has_24_classes_of_which_one_tracks_nothing():
    classes = manifests.ytbb_classes()
    assert [row.id for row in classes] == list(range(24))
    assert [row.name for row in classes if row.class_name == manifests.NO_CLASS] == ["none"]
    assert len({row.class_name for row in classes}) == 24


def test_every_message_of_youtube_has_an_outcome_and_comes_before_what_it_holds():
    rows = manifests.read_table(
        manifests.manifest_path("youtube", "messages"), ("text", "outcome", "comment"), tuple
    )
    for text, outcome, _ in rows:
        assert Outcome(outcome) not in {Outcome.OK, Outcome.LEFT_OUT}
        assert text == text.lower()
    for (first, *_), (second, *_) in itertools.combinations(rows, 2):
        assert first not in second, f"{second!r} is never reached: {first!r} stands before it"


def test_the_pages_of_youtube_are_the_two_that_are_asked_for():
    rows = manifests.read_table(manifests.manifest_path("youtube", "pages"), ("page", "url"), tuple)
    assert [page for page, _ in rows] == ["watch", "reach"]
    assert [url.count("{id}") for _, url in rows] == [1, 0]


def test_the_made_up_world_has_classes_of_the_ten_with_an_outline_each():
    for look in catalogue.looks():
        assert TEN[look.name] == look.coco_id
        assert catalogue.outline(look.name)
    rows = manifests.read_table(
        manifests.manifest_path("synth", "shapes"), ("class", "kind", "shade", "numbers"), tuple
    )
    assert {row[0] for row in rows} == {look.name for look in catalogue.looks()}


def test_the_made_up_world_stands_on_stuff_of_coco():
    stuff = {row.value: row for row in manifests.stuffthing_values()}
    for ground in catalogue.grounds():
        assert stuff[ground.stuff_value].label == ground.label
        assert stuff[ground.stuff_value].class_name == BACKGROUND_CLASS


def test_every_style_of_the_made_up_world_is_read():
    rows = manifests.read_table(
        manifests.manifest_path("synth", "styles"), ("style", "setting", "value"), tuple
    )
    found = styles.read_styles(manifests.manifest_path("synth", "styles"))
    assert set(found) == {row[0] for row in rows}
