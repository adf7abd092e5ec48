"""`vsda fetch davis|coco|fbms|voc` as a user meets it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.fetch.archives import make_zip, tree, zip_folder
from tests.fetch.servers import FaultyServer
from vsda.cli.archives import coco, davis, fbms, voc
from vsda.errors import UnknownNameError
from vsda.fetch.http_errors import DiskFullError
from vsda.shards.index import open_set

COCO = {
    "train2017.zip": {"train2017/1.jpg": b"one"},
    "val2017.zip": {"val2017/3.jpg": b"three"},
    "annotations_trainval2017.zip": {"annotations/x.json": b"{}"},
    "stuffthingmaps_trainval2017.zip": {"val2017/3.png": b"map"},
}

app = typer.Typer()
for command in (davis, coco, fbms, voc):
    app.command()(command)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("VSDA_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def mirror(tmp_path):
    for name, files in COCO.items():
        make_zip(tmp_path / "mirror" / name, files)
    return tmp_path / "mirror"


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(word) for word in arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_default_folder_is_that_of_prepare(data, mirror):
    result = run("coco", "--mirror", mirror)
    assert result.stdout.splitlines() == [
        f"coco: train2017.zip: 1 files, 0.0 MB  {data}/coco",
        f"coco: val2017.zip: 1 files, 0.0 MB  {data}/coco",
        f"coco: annotations_trainval2017.zip: 1 files, 0.0 MB  {data}/coco",
        f"coco: stuffthingmaps_trainval2017.zip: 1 files, 0.0 MB  {data}/coco",
    ]
    assert (data / "coco" / "stuffthingmaps" / "val2017" / "3.png").is_file()
    again = run("coco", "--mirror", mirror)
    assert again.stdout.count("0.0 MB (up to date)  ") == 4


def test_an_archive_that_fails_gives_exit_code_3_and_is_told_on_stderr(data, mirror):
    (mirror / "val2017.zip").unlink()
    result = run("coco", "--mirror", mirror, "--out", data / "c", code=3)
    assert len(result.stdout.splitlines()) == 3
    assert f"coco: val2017.zip: failed: {mirror}/val2017.zip: no such file" in result.stderr
    make_zip(mirror / "val2017.zip", COCO["val2017.zip"])
    assert run("coco", "--mirror", mirror, "--out", data / "c").stdout.count("up to date") == 3


def test_nothing_that_came_gives_exit_code_1(data, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("fbms", "--mirror", tmp_path / "empty", code=1)
    assert result.stdout == ""
    assert result.stderr.count(": failed: ") == 2


def test_parts_are_named_by_comma(data, mirror):
    run("coco", "--mirror", mirror, "--only", "val, annotations")
    assert sorted(path.name for path in (data / "coco").iterdir() if path.name[0] != ".") == [
        "annotations",
        "val2017",
    ]


def test_a_part_that_there_is_not_is_a_usage_error(data, mirror):
    result = CliRunner().invoke(app, ["davis", "--only", "imges"])
    assert isinstance(result.exception, UnknownNameError)
    assert result.exception.exit_code == 2
    assert "Known: annotations, images, semantics, unsupervised." in str(result.exception)


def test_json_is_one_list(data, mirror):
    rows = json.loads(run("coco", "--mirror", mirror, "--only", "val", "--json").stdout)
    assert [(row["archive"], row["state"], row["num_files"]) for row in rows] == [
        ("val2017.zip", "fetched", 1)
    ]


def test_a_dry_run_says_what_would_come_and_writes_nothing(data, mirror):
    with FaultyServer(mirror) as server:
        run("coco", "--mirror", server.url, "--only", "val")
        lines = run("coco", "--mirror", server.url, "--only", "images", "--dry-run").stdout
    assert lines.splitlines()[0] == (
        f"coco: would fetch train2017.zip (0.0 MB) from {server.url}/train2017.zip"
    )
    assert "coco: val2017.zip: 1 files, 0.0 MB (up to date)" in lines
    assert "coco: needs 0.0 MB at least, as far as sizes are known; the disk has " in lines
    assert not (data / "coco" / "train2017").exists()


def test_a_dry_run_tells_the_authors_address_and_the_known_size(data):
    result = run("davis", "--dry-run", "--json")
    value = json.loads(result.stdout)
    assert value["archives"][0]["place"].startswith("https://data.vision.ee.ethz.ch/")
    assert value["archives"][0]["size_bytes"] == 832766765
    assert value["needed_bytes"] == 2 * 832766765
    assert not data.exists()


def test_a_dry_run_without_room_fails_as_a_run_would(data, monkeypatch):
    monkeypatch.setattr("vsda.fetch.archive_plan.free_bytes", lambda _: 1_000_000)
    result = CliRunner().invoke(app, ["davis", "--dry-run"])
    assert isinstance(result.exception, DiskFullError)
    assert "about 1665.5 MB are needed" in str(result.exception)
    assert "would fetch DAVIS-2017-trainval-480p.zip (832.8 MB)" in result.stdout


def test_changed_files_are_told_by_verify(data, mirror):
    run("coco", "--mirror", mirror, "--only", "val")
    (data / "coco" / "val2017" / "3.jpg").write_bytes(b"THREE")
    run("coco", "--mirror", mirror, "--only", "val")
    result = run("coco", "--mirror", mirror, "--only", "val", "--verify", code=1)
    assert "1 files are not as the archive had them any more: val2017/3.jpg" in result.stderr


def test_every_option_has_a_help_text():
    for command in typer.main.get_command(app).commands.values():
        options = [option for option in command.params if option.name != "help"]
        assert len(options) >= 7
        assert all(option.help for option in options)


def test_real_frames_go_from_a_server_to_shards(vsda, tmp_path, real_samples):
    """The archive has the layout of DAVIS-2017-trainval-480p.zip and breaks twice on its way."""
    name = "DAVIS-2017-trainval-480p.zip"
    zip_folder(tmp_path / "server" / name, real_samples / "davis", "DAVIS")
    with FaultyServer(tmp_path / "server", cut_after_bytes=4_000_000, num_cuts=2) as server:
        refused = vsda("fetch", "davis", "--mirror", server.url, code=1)
        assert "expected 832766765" in refused.stderr
        fetched = vsda("fetch", "davis", "--mirror", server.url, "--unchecked")
    assert fetched.stdout.startswith(f"davis: {name}: ")
    assert "again in " in fetched.stderr
    assert "HTTP Request" not in fetched.stderr
    got = tree(tmp_path / "data" / "davis")
    expected = tree(real_samples / "davis")
    assert {place: got[place] for place in got if not place.startswith(".")} == expected
    vsda("prepare", "davis", "--workers", "1", "--split", "val")
    assert open_set(str(tmp_path / "data" / "shards" / "davis-val")).index.num_samples == 112


def test_a_usage_error_of_the_command_has_exit_code_2(vsda):
    process = vsda("fetch", "davis", "--only", "imges", code=2)
    assert process.stderr == (
        "vsda: unknown part of davis 'imges'. Did you mean 'images'? Known: annotations, images, "
        "semantics, unsupervised.\n"
    )
