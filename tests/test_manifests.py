"""Every table parses and agrees with the others."""

import pytest

from vsda import manifests
from vsda.errors import ManifestError
from vsda.resources import resource_dir

TABLES = sorted(resource_dir("manifests").rglob("*.tsv"))


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


@pytest.mark.parametrize("dataset", ["davis", "coco", "fbms", "voc", "ytbb"])
def test_sources_have_one_address_each(dataset):
    for source in manifests.sources(dataset):
        assert source.url.endswith(source.file)
    assert any(row.is_default for row in manifests.sources(dataset))


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
        ("sha256", "e3d0", "sha256 must be its hexadecimal digits or '-', got 'e3d0'"),
        ("sha256", "e3d0...A492", "sha256 must be"),
        ("md5", "0" * 64, "md5 must be"),
        ("default", "maybe", "default must be 'yes' or 'no', got 'maybe'"),
    ],
)
def test_a_wrong_source_is_told_with_its_line(tmp_path, monkeypatch, column, cell, message):
    row = dict(zip(manifests._SOURCE_COLUMNS, ["f", "u", "1", *"-----", ".", "yes"], strict=True))
    lines = ["\t".join(row), "\t".join((row | {column: cell}).values())]
    (tmp_path / "sources.tsv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(manifests, "manifest_path", lambda *_: tmp_path / "sources.tsv")
    manifests.sources.cache_clear()
    with pytest.raises(ManifestError, match=rf"sources\.tsv:2: {message}"):
        manifests.sources("davis")


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
