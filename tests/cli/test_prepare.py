import json

import pytest
from typer.testing import CliRunner

from tests.fake_worlds import small_coco, small_davis, write
from vsda.cli.prepare import prepare_app, resolve_options
from vsda.errors import DatasetError, UsageError
from vsda.shards.index import open_set


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with both datasets, that VSDA_DATA names."""
    small_davis(tmp_path / "davis")
    small_coco(tmp_path / "coco")
    monkeypatch.setenv("VSDA_DATA", str(tmp_path))
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(prepare_app, [str(word) for word in arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_users_own_words_work_as_they_stand(data):
    result = run("davis", "--remap", "coco")
    assert result.stdout.splitlines()[0].startswith(
        "davis-train: 5 frames, 2 sequences, 2 classes, 1 shards, "
    )
    assert f"{data}/shards/davis-train.index.json" in result.stdout
    assert open_set(str(data / "shards" / "davis-val")).index.num_samples == 2


@pytest.mark.parametrize(("dataset", "num_frames"), [("davis", 7), ("coco", 3)])
def test_remap_none_needs_no_other_option_and_keeps_all(data, dataset, num_frames):
    run(dataset, "--remap", "none", "--split", "train")
    index = open_set(str(data / "shards" / f"{dataset}-train")).index
    assert (index.num_samples, index.class_frames) == (num_frames, {})


def test_coco_tells_frames_and_classes(data):
    lines = run("coco").stdout.splitlines()
    assert lines[0].startswith("coco-train: 1 frames, 2 classes, 1 shards, ")
    assert lines[1].startswith("coco-val: 1 frames, 1 classes, 1 shards, ")


def test_notes_go_to_stderr(data):
    result = run("coco", "--split", "train")
    assert result.stderr == (
        "coco-train: note: 1 of 4 images have no label map and are not written\n"
    )
    assert "no label map" not in result.stdout


def test_failed_frames_give_exit_code_3_and_are_told_by_kind(data):
    for frame in range(2):
        write(data / "davis/JPEGImages/480p/bmx-bumps" / f"0000{frame}.jpg", b"broken")
    for frame in range(2):
        write(data / "davis/JPEGImages/480p/lucia" / f"0000{frame}.jpg", b"broken")
    result = run("davis", "--split", "train", code=3)
    assert "davis-train: unreadable: 4 failed\n" in result.stderr
    assert "davis-train:   JPEGImages/480p/bmx-bumps/00000.jpg: not a whole JPEG" in result.stderr
    assert "davis-train:   and 1 more\n" in result.stderr
    assert "davis-train: 1 frames, 1 sequences, 1 classes, 1 shards, " in result.stdout
    assert ", 4 failed  " in result.stdout
    again = run("davis", "--split", "train", code=3)
    assert ", 4 failed (up to date)  " in again.stdout


def test_nothing_written_gives_exit_code_1(data):
    result = run("davis", "--split", "val", "--classes", "bicycle", code=1)
    assert result.stdout == "davis-val: nothing could be written (4 left-out), so there is no set\n"


def test_nothing_written_over_an_old_set_says_why_and_that_the_old_set_stays(data):
    run("davis", "--split", "val")
    for frame in (0, 1):
        write(data / f"davis/JPEGImages/480p/car-shadow/0000{frame}.jpg", b"broken")
    result = run("davis", "--split", "val", "--overwrite", code=1)
    assert result.stdout == (
        "davis-val: nothing could be written (2 left-out, 2 unreadable), the set that is there "
        "stays\n"
    )
    assert open_set(str(data / "shards" / "davis-val")).index.num_samples == 2


def test_a_split_without_items_says_so(data):
    write(data / "davis/ImageSets/2017/val.txt", b"")
    result = run("davis", "--split", "val", code=1)
    assert (
        result.stdout
        == "davis-val: nothing could be written (no items found), so there is no set\n"
    )


def test_a_set_that_is_made_again_says_why_on_stderr(data):
    run("coco", "--split", "val")
    (data / "shards" / "coco-val.index.json").write_bytes(b"")
    result = run("coco", "--split", "val")
    assert "coco-val: note: " in result.stderr
    assert "coco-val.index.json: not a shard index: " in result.stderr
    assert "; the set is made again\n" in result.stderr


def test_one_set_of_two_gives_exit_code_3(data):
    run("davis", "--classes", "bicycle", code=3)


def test_json_is_all_of_stdout(data):
    train, val = json.loads(run("davis", "--json").stdout)
    assert train["index"] == str(data / "shards" / "davis-train.index.json")
    assert (train["samples"], train["sequences"], train["shards"]) == (5, 2, 1)
    assert train["class_frames"] == {"person": 5, "bicycle": 2}
    assert train["outcomes"] == {"left-out": 2, "ok": 5}
    assert (val["name"], val["up_to_date"]) == ("davis-val", False)


def test_a_dry_run_tells_sequences_and_classes_and_writes_nothing(data):
    result = run("davis", "--split", "train", "--dry-run")
    assert result.stdout.splitlines() == [
        "davis-train: would write 5 frames, 2 sequences, 2 classes, 1 shards",
        "  person: 5 frames",
        "  bicycle: 2 frames",
        "  bmx-bumps: 2 frames, person, bicycle",
        "  lucia: 3 frames, person",
    ]
    assert not (data / "shards").exists()


def test_a_dry_run_says_what_would_fail_and_exits_as_a_run_would(data):
    (data / "davis/Annotations/480p/lucia/00001.png").unlink()
    lines = run("davis", "--split", "train", "--dry-run", code=3).stdout.splitlines()
    assert lines[0] == (
        "davis-train: would write 4 frames, 2 sequences, 2 classes, 1 shards, 1 would fail"
    )


def test_a_dry_run_says_that_nothing_would_be_written_and_exits_as_a_run_would(data):
    result = run("davis", "--split", "val", "--classes", "bicycle", "--dry-run", code=1)
    assert result.stdout == "davis-val: would write nothing (4 left-out)\n"


def test_a_dry_run_of_which_one_set_would_be_empty_exits_as_a_run_would(data):
    lines = run("davis", "--classes", "bicycle", "--dry-run", code=3).stdout.splitlines()
    assert lines[-1] == "davis-val: would write nothing (4 left-out)"


def test_a_dry_run_as_json(data):
    (train,) = json.loads(run("davis", "--split", "train", "--dry-run", "--json").stdout)
    assert train["sequences"][1] == {"name": "lucia", "frames": 3, "classes": ["person"]}
    assert train["settings"]["remap"] == "coco"


def test_options_reach_the_set(data, tmp_path):
    table = "sequence\tobject_id\tcategory\tclass\nbear\t1\tbear\tdog\n"
    write(tmp_path / "my.tsv", table.encode())
    run("davis", "--root", data / "davis", "--out", tmp_path / "o", "--class-map",
        tmp_path / "my.tsv", "--split", "train", "--outside", "ignore", "--shard-mb", 5,
        "--workers", 1, "--resolution", "480p", code=3)  # fmt: skip
    index = open_set(str(tmp_path / "o" / "davis-train")).index
    assert index.num_samples == 2
    assert (index.settings["outside"], index.settings["shard_mb"]) == ("ignore", 5)
    assert index.settings["class_map"] == "my.tsv"


def test_overwrite_replaces_a_set(data):
    run("davis", "--split", "train")
    run("davis", "--split", "train", "--classes", "person", "--overwrite")
    index = open_set(str(data / "shards" / "davis-train")).index
    assert index.settings["classes"] == ["person"]


def test_a_users_mistake_is_an_error_with_a_message(data):
    result = CliRunner().invoke(prepare_app, ["davis", "--root", "nowhere"])
    assert isinstance(result.exception, DatasetError)


def test_empty_classes_are_a_mistake_in_the_use(data):
    result = CliRunner().invoke(prepare_app, ["davis", "--classes", ""])
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2
    assert not (data / "shards").exists()


@pytest.mark.parametrize("command", ["davis", "coco"])
def test_every_option_has_a_help_text(command):
    import typer

    group = typer.main.get_command(prepare_app)
    options = [option for option in group.commands[command].params if option.name != "help"]
    assert len(options) >= 11
    assert all(option.help for option in options)


def test_options_that_are_not_given_get_the_defaults(monkeypatch):
    monkeypatch.delenv("VSDA_DATA", raising=False)
    options = resolve_options("coco", {"classes": None, "shard_mb": 3})
    assert (str(options.root), str(options.out)) == ("data/coco", "data/shards")
    assert (options.classes, options.shard_mb, options.split) == (None, 3, "all")
