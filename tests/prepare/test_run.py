import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_worlds import (
    coco_tree,
    davis_of_many_shards,
    jpeg,
    mask_png,
    small_coco,
    small_davis,
    snapshot,
    values,
    write,
)
from vsda.datasets.coco.dataset import CocoOptions
from vsda.datasets.davis.layout import DavisOptions
from vsda.datasets.folder.options import FolderOptions
from vsda.datasets.listing import Failure
from vsda.engine.run import Workers
from vsda.errors import DatasetError, Outcome, ShardError, UnknownNameError, UsageError, VsdaError
from vsda.prepare import PrepareOptions, prepare
from vsda.prepare.job import make_jobs
from vsda.prepare.staging import finished, open_staging
from vsda.prepare.task import run_task
from vsda.shards.change import SetChange, interrupted_changes
from vsda.shards.index import load_index, open_set
from vsda.shards.verify import verify
from vsda.shards.versions import package_versions
from vsda.storage import exclusive
from vsda.toolbox.merge import merge_sets


@pytest.fixture
def tree(tmp_path):
    return small_davis(tmp_path / "davis")


@pytest.fixture
def options(tree, tmp_path):
    return {"root": tree.root, "out": tmp_path / "out", "num_workers": 1}


@pytest.fixture
def nobodys_folder():
    """A folder that another user may enter, too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@contextmanager
def as_nobody():
    """Let the superuser be somebody for whom permissions count."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def run(options, dataset="davis", **more):
    return prepare(dataset, PrepareOptions(**options | more))


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_both_splits_become_a_set_each(options):
    train, val = run(options)
    assert (train.name, train.num_samples, train.num_sequences) == ("davis-train", 5, 2)
    assert (val.name, val.num_samples, val.num_sequences) == ("davis-val", 2, 1)
    assert train.outcomes == {"ok": 5, "left-out": 2}
    assert train.class_frames == {"person": 5, "bicycle": 2}
    assert not train.up_to_date
    suffixes = ("-000000.idx", "-000000.tar", ".index.json", ".report.jsonl")
    names = [f"{name}{suffix}" for name in ("davis-train", "davis-val") for suffix in suffixes]
    assert {path.name for path in options["out"].iterdir()} == {"README.md", *names}


def test_the_sets_are_whole(options):
    for report in run(options):
        assert verify(open_set(str(report.index))) == []


def test_the_index_records_what_made_the_set(options):
    (report,) = run(options, split="train", outside="ignore", classes="person,dog", shard_mb=7)
    index = load_index(str(report.index))
    assert (index.name, index.dataset, index.split) == ("davis-train", "davis", "train")
    assert {name: index.settings[name] for name in ("remap", "classes", "outside")} == {
        "remap": "coco",
        "classes": ["person", "dog"],
        "outside": "ignore",
    }
    assert index.settings["shard_mb"] == 7
    assert index.settings["resolution"] == "480p"
    assert index.settings["class_map"] == "manifest"
    assert index.outcomes == {"ok": 5, "left-out": 2}
    assert "left out, no object of a chosen class: bear" in index.notes


def test_a_copy_of_the_dataset_elsewhere_gives_the_same_bytes(options, tmp_path):
    run(options)
    other = small_davis(tmp_path / "elsewhere" / "DAVIS")
    run(options, root=other.root.parent, out=tmp_path / "other")
    assert snapshot(tmp_path / "other") == snapshot(options["out"])


@pytest.mark.parametrize("num_workers", [2, 3])
def test_the_number_of_workers_changes_no_byte(tmp_path, num_workers):
    options = {
        "root": davis_of_many_shards(tmp_path / "davis").root,
        "shard_mb": 1,
        "split": "train",
    }
    run(options, out=tmp_path / "one", num_workers=1)
    run(options, out=tmp_path / "many", num_workers=num_workers)
    files = snapshot(tmp_path / "one")
    assert sum(name.endswith(".tar") for name in files) == 5
    assert snapshot(tmp_path / "many") == files


def test_failures_are_counted_listed_in_order_and_do_not_stop_the_others(options, tree):
    write(tree.image("lucia", 2), tree.image("lucia", 2).read_bytes()[:100])
    write(tree.mask("bmx-bumps", 1), mask_png(values(0, 1, width_px=9)))
    tree.mask("lucia", 0).unlink()
    (report,) = run(options, split="train")
    assert report.outcomes == {
        "left-out": 2,
        "missing": 1,
        "ok": 2,
        "size-mismatch": 1,
        "unreadable": 1,
    }
    assert report.num_failed == 3
    found = rows(options["out"] / "davis-train.report.jsonl")
    assert [(row["key"], row["outcome"], row["items"]) for row in found] == [
        ("davis/bmx-bumps/00001", "size-mismatch", 1),
        ("davis/lucia/00000", "missing", 1),
        ("davis/lucia/00002", "unreadable", 1),
    ]
    assert [row["message"] for row in found] == [row.message for row in report.failures]
    assert load_index(str(report.index)).outcomes == report.outcomes


def test_messages_do_not_depend_on_where_the_dataset_lies(options, tree, tmp_path):
    write(tree.image("lucia", 2), b"broken")
    (report,) = run(options, split="train")
    assert str(tmp_path) not in report.failures[0].message


def test_an_unknown_sequence_counts_with_all_its_frames_and_has_one_row(options, tree):
    tree.add("mystery", num_frames=4).list("train", ["lucia", "mystery"])
    (report,) = run(options, split="train")
    assert report.outcomes == {"ok": 3, "unknown-id": 4}
    assert len(report.failures) == 1
    assert report.failures[0].outcome == Outcome.UNKNOWN_ID


def test_a_second_run_finds_the_set_up_to_date(options):
    run(options)
    before = {path: path.stat().st_mtime_ns for path in options["out"].iterdir()}
    reports = run(options)
    assert all(report.up_to_date for report in reports)
    assert {path: path.stat().st_mtime_ns for path in options["out"].iterdir()} == before


def test_an_up_to_date_set_still_tells_its_failures(options, tree):
    write(tree.image("lucia", 2), b"broken")
    (first,) = run(options, split="train")
    (second,) = run(options, split="train")
    assert second.up_to_date
    assert second.failures == first.failures
    assert second.outcomes == first.outcomes


def test_a_corrected_mask_of_the_same_size_is_noticed_however_old_its_date(options, tree, tmp_path):
    wrong, right = mask_png(values(0, 1), "L"), mask_png(values(1, 0), "L")
    assert len(wrong) == len(right)
    write(tree.mask("lucia"), wrong)
    run(options, split="train")
    write(tree.mask("lucia"), right)
    os.utime(tree.mask("lucia"), (0, 0))
    (report,) = run(options, split="train")
    assert not report.up_to_date
    run(options, split="train", out=tmp_path / "fresh")
    assert snapshot(options["out"]) == snapshot(tmp_path / "fresh")
    assert run(options, split="train")[0].up_to_date


def test_a_link_that_leads_to_another_mask_now_is_noticed(options, tree, tmp_path):
    for name, ids in (("old", (0, 1)), ("new", (1, 0))):
        write(tmp_path / f"{name}.png", mask_png(values(*ids), "L"))
    tree.mask("lucia").unlink()
    tree.mask("lucia").symlink_to(tmp_path / "old.png")
    run(options, split="train")
    tree.mask("lucia").unlink()
    tree.mask("lucia").symlink_to(tmp_path / "new.png")
    assert not run(options, split="train")[0].up_to_date


def test_a_date_in_the_future_does_not_make_a_set_stale(options, tree):
    os.utime(tree.mask("lucia"), (2**33, 2**33))
    run(options, split="train")
    assert run(options, split="train")[0].up_to_date


def test_a_set_that_lost_a_file_is_made_again(options):
    run(options, split="train")
    before = snapshot(options["out"])
    (options["out"] / "davis-train-000000.idx").unlink()
    (report,) = run(options, split="train")
    assert not report.up_to_date
    assert snapshot(options["out"]) == before


def test_overwrite_with_the_same_settings_gives_the_same_bytes(options):
    run(options)
    before = snapshot(options["out"])
    assert not any(report.up_to_date for report in run(options, overwrite=True))
    assert snapshot(options["out"]) == before


def test_a_set_of_other_settings_is_kept_and_the_difference_is_told(options):
    run(options)
    before = snapshot(options["out"])
    with pytest.raises(ShardError) as caught:
        run(options, classes="person", shard_mb=9)
    message = str(caught.value)
    assert "davis-train.index.json: this set was made otherwise: classes was person," in message
    assert ", is person, shard_mb was 256, is 9; give --overwrite to replace it" in message
    assert snapshot(options["out"]) == before


def test_a_table_of_equal_bytes_makes_the_same_set_whatever_its_name(options, tree, tmp_path):
    table = b"sequence\tobject_id\tcategory\tclass\nlucia\t1\tdog\tdog\n"
    first, renamed = tmp_path / "objects.tsv", tmp_path / "renamed.tsv"
    chosen = {"split": "train", "own": DavisOptions(class_map=write(first, table))}
    run(options, **chosen)
    chosen["own"] = DavisOptions(class_map=write(renamed, table))
    assert run(options, **chosen)[0].up_to_date
    write(renamed, table.replace(b"dog\tdog", b"cat\tdog"))
    with pytest.raises(
        ShardError, match=r"class_map was objects\.tsv, is renamed\.tsv, class_map_sha"
    ):
        run(options, **chosen)


def test_a_set_of_other_files_is_kept_and_the_difference_is_told(options, tree):
    run(options)
    tree.add("lucia", num_frames=4)
    with pytest.raises(ShardError, match="the files below --root have other names or sizes now"):
        run(options)


def test_all_sets_are_checked_before_one_is_written(options):
    run(options, split="val", classes="person,car")
    with pytest.raises(ShardError, match="davis-val"):
        run(options, split="all")
    assert not (options["out"] / "davis-train.index.json").exists()


def test_overwrite_replaces_a_set_and_leaves_none_of_its_shards(tmp_path):
    options = {
        "root": davis_of_many_shards(tmp_path / "davis").root,
        "num_workers": 1,
        "split": "train",
    }
    run(options, out=tmp_path / "fresh", shard_mb=2)
    run(options, out=tmp_path / "out", shard_mb=1)
    other = write(tmp_path / "out" / "davis-train-small-000007.tar", b"of another set")
    run(options, out=tmp_path / "out", shard_mb=2, overwrite=True)
    assert other.exists()
    other.unlink()
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda _: b"", lambda _: b"\xff{"])
def test_a_damaged_index_is_noted_and_the_set_is_made_again(options, damage):
    (report,) = run(options, split="train")
    before = snapshot(options["out"])
    report.index.write_bytes(damage(report.index.read_bytes()))
    (again,) = run(options, split="train")
    assert "davis-train.index.json: not a shard index: " in again.notes[0]
    assert again.notes[0].endswith("; the set is made again")
    assert snapshot(options["out"]) == before


@pytest.mark.parametrize("suffix", ["tar", "idx"])
def test_a_flipped_bit_is_noted_and_the_set_is_made_again(options, suffix):
    run(options, split="train")
    before = snapshot(options["out"])
    path = options["out"] / f"davis-train-000000.{suffix}"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (again,) = run(options, split="train")
    assert again.notes[0] == (
        f"{path}: its bytes are not those that the index lists; the set is made again"
    )
    assert snapshot(options["out"]) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\n", "not a report of failures"),
        (b"[1]\n", "not a report of failures"),
        (b'{"key": "a"}\n', "not a report of failures"),
        (b"", "its rows are not the failures that the index counts"),
    ],
)
def test_a_damaged_report_is_noted_and_the_set_is_made_again(options, tree, content, message):
    write(tree.image("lucia", 2), b"broken")
    run(options, split="train")
    before = snapshot(options["out"])
    (options["out"] / "davis-train.report.jsonl").write_bytes(content)
    (again,) = run(options, split="train")
    assert f"davis-train.report.jsonl: {message}" in again.notes[0]
    assert snapshot(options["out"]) == before


def test_what_failed_is_listed_also_where_nothing_was_written(options, tree):
    for frame in (0, 1):
        write(tree.image("car-shadow", frame), b"broken")
    (report,) = run(options, split="val")
    assert (report.index, report.old_set_stays) == (None, False)
    found = rows(options["out"] / "davis-val.report.jsonl")
    assert [row["key"] for row in found] == ["davis/car-shadow/00000", "davis/car-shadow/00001"]


def test_nothing_to_write_publishes_no_set_and_keeps_the_old_one(options, tree):
    run(options, split="val")
    before = snapshot(options["out"])
    for frame in (0, 1):
        write(tree.image("car-shadow", frame), b"broken")
    (report,) = run(options, split="val", overwrite=True)
    assert (report.index, report.old_set_stays) == (None, True)
    assert report.outcomes == {"left-out": 2, "unreadable": 2}
    assert snapshot(options["out"]) == before


def test_a_split_whose_every_sequence_is_left_out_publishes_no_set(options):
    train, val = run(options, classes="bicycle")
    assert train.index is not None
    assert (val.index, val.num_failed, val.outcomes) == (None, 0, {"left-out": 4})
    assert not any("davis-val" in path.name for path in options["out"].iterdir())


def test_shards_are_numbered_without_gaps_where_tasks_have_nothing_to_write(tmp_path):
    stuff, person = values(156), values(0)
    coco_tree(tmp_path / "coco", {"train": {"1": stuff, "2": person, "3": stuff, "4": person}})
    for image in (tmp_path / "coco" / "train2017").iterdir():
        image.write_bytes(image.read_bytes() + bytes(900_000))
    options = {"root": tmp_path / "coco", "out": tmp_path / "out", "shard_mb": 1}
    (report,) = run(options, "coco", split="train", num_workers=1)
    shards = load_index(str(report.index)).shards
    assert [shard.url for shard in shards] == ["coco-train-000000.tar", "coco-train-000001.tar"]
    assert verify(open_set(str(report.index))) == []


def test_coco_becomes_samples_without_object_ids(tmp_path):
    options = {"root": small_coco(tmp_path / "coco"), "out": tmp_path / "out", "num_workers": 1}
    train, val = run(options, "coco")
    assert (train.num_samples, train.class_frames) == (1, {"person": 1, "dog": 1})
    assert train.outcomes == {"ok": 1, "left-out": 2}
    assert train.notes == ("1 of 4 images have no label map and are not written",)
    assert (val.num_samples, val.num_sequences) == (1, 0)


def test_a_link_that_leads_nowhere_and_a_pipe_fail_alone(options, tree):
    tree.image("lucia", 0).unlink()
    tree.image("lucia", 0).symlink_to("nowhere")
    tree.mask("lucia", 1).unlink()
    os.mkfifo(tree.mask("lucia", 1))
    (report,) = run(options, split="train")
    assert report.outcomes == {"left-out": 2, "ok": 3, "unreadable": 2}
    assert [row.message for row in report.failures] == [
        "JPEGImages/480p/lucia/00000.jpg: No such file or directory",
        "Annotations/480p/lucia/00001.png: not a regular file",
    ]
    assert run(options, split="train")[0].up_to_date


def test_files_and_folders_without_permission_fail_alone(nobodys_folder):
    tree = small_davis(nobodys_folder / "davis")
    tree.image("bmx-bumps").chmod(0)
    (tree.masks / "lucia").chmod(0)
    options = {"root": tree.root, "out": nobodys_folder / "out", "num_workers": 1}
    with as_nobody():
        (report,) = run(options, split="train")
    assert report.outcomes == {"left-out": 2, "ok": 1, "unreadable": 4}
    assert [row.message for row in report.failures] == [
        "JPEGImages/480p/bmx-bumps/00000.jpg: Permission denied",
        "Annotations/480p/lucia: cannot be read: Permission denied",
    ]


@pytest.mark.parametrize("dataset", ["davis", "coco"])
def test_a_dataset_without_permission_is_told(nobodys_folder, dataset):
    root = nobodys_folder / "data"
    root.mkdir(mode=0)
    options = {"root": root, "out": nobodys_folder / "out"}
    with as_nobody(), pytest.raises(DatasetError, match="cannot be read: Permission denied"):
        run(options, dataset)


def test_a_file_name_that_is_not_utf_8_is_escaped(tmp_path):
    root = coco_tree(tmp_path / "coco", {"train": {"1": values(0), "b\udce4": values(0)}})
    write(root / "train2017" / "b\udce4.jpg", b"broken")
    options = {"root": root, "out": tmp_path / "out", "num_workers": 2}
    (report,) = run(options, "coco", split="train")
    assert report.outcomes == {"ok": 1, "unreadable": 1}
    (row,) = rows(options["out"] / "coco-train.report.jsonl")
    assert row["message"].startswith("train2017/b\\udce4.jpg: not a whole JPEG")
    assert row["message"] == report.failures[0].message
    assert run(options, "coco", split="train")[0].failures == report.failures


def test_a_second_writer_is_refused(options):
    with (
        exclusive(options["out"] / ".davis-train.lock"),
        pytest.raises(VsdaError, match="another process is writing here"),
    ):
        run(options)


def test_what_an_older_run_of_other_settings_staged_is_not_used(options, tmp_path):
    write(options["out"] / ".davis-train.part" / "settings.json", b"{}")
    write(options["out"] / ".davis-train.part" / "task-000000.result.json", b"not to be read")
    run(options, split="train")
    run(options, split="train", out=tmp_path / "fresh")
    assert snapshot(options["out"]) == snapshot(tmp_path / "fresh")


def test_a_staged_tar_of_another_size_than_its_result_says_is_made_again(tmp_path):
    options = {
        "root": davis_of_many_shards(tmp_path / "davis").root,
        "shard_mb": 1,
        "split": "train",
    }
    (job,) = make_jobs("davis", PrepareOptions(**options, out=tmp_path / "out"))
    open_staging(job.staging, job.settings)
    result = run_task(job.tasks[0])
    assert finished(job.tasks[0]) == result
    assert finished(job.tasks[1]) is None
    Path(job.tasks[0].tar).write_bytes(b"cut")
    assert finished(job.tasks[0]) is None


def test_a_staged_task_whose_mask_was_changed_since_is_run_again(options, tree):
    (job,) = make_jobs("davis", PrepareOptions(**options, split="train"))
    open_staging(job.staging, job.settings)
    run_task(job.tasks[0])
    write(tree.mask("lucia"), tree.mask("lucia").read_bytes())
    (job,) = make_jobs("davis", PrepareOptions(**options, split="train"))
    assert finished(job.tasks[0]) is None


def test_overwrite_uses_nothing_that_an_earlier_run_staged(options, tmp_path):
    (job,) = make_jobs("davis", PrepareOptions(**options, split="train"))
    open_staging(job.staging, job.settings)
    run_task(job.tasks[0])
    data = bytearray(Path(job.tasks[0].tar).read_bytes())
    data[600] ^= 1
    Path(job.tasks[0].tar).write_bytes(data)
    run(options, split="train", overwrite=True)
    run(options, split="train", out=tmp_path / "fresh")
    assert snapshot(options["out"]) == snapshot(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"split": "test"}, UnknownNameError, "unknown --split 'test'"),
        ({"shard_mb": 0}, UsageError, "--shard-mb must be at least 1, got 0"),
        ({"num_workers": 0}, UsageError, "--workers must be at least 1, got 0"),
        ({"out": Path("s3://bucket/x")}, UsageError, "s3:/bucket/x: neither a folder nor a URL"),
        ({"classes": "persn"}, UnknownNameError, "unknown class 'persn'. Did you mean 'person'"),
        ({"root": Path("nowhere")}, DatasetError, "nowhere: no DAVIS here"),
    ],
)
def test_wrong_options_are_told_before_anything_is_written(options, wrong, error, message):
    with pytest.raises(error, match=message):
        run(options, **wrong)
    assert not options["out"].exists()


def test_a_file_in_the_place_of_the_output_folder_is_told(options):
    write(options["out"], b"")
    with pytest.raises(UsageError, match="a file is in the way; give a folder"):
        run(options)


def test_an_unknown_dataset_is_told(options):
    with pytest.raises(UnknownNameError, match="unknown dataset 'davsi'"):
        run(options, "davsi")


def test_a_word_that_an_option_of_the_dataset_does_not_take_is_refused(options):
    own = DavisOptions(resolution="480")
    with pytest.raises(UnknownNameError, match=r"unknown --resolution '480'\. Did you mean '480p'"):
        run(options, own=own)


def test_the_options_of_another_dataset_are_refused(options):
    with pytest.raises(UsageError, match="the options of davis are a DavisOptions, got CocoOpt"):
        run(options, own=CocoOptions())


def test_the_index_names_the_command_without_places_and_workers(options):
    train, _ = run(options, classes="person,dog")
    assert load_index(str(train.index)).command == (
        "vsda prepare davis --split train --remap coco --classes person,dog"
    )


def test_an_option_that_changes_how_files_are_read_makes_another_set(tmp_path):
    folder = tmp_path / "mine"
    write(folder / "images" / "a" / "0.jpg", jpeg())
    options = {"root": folder, "out": tmp_path / "out", "split": "train", "classes": "all"}
    run(options, "folder")
    with pytest.raises(ShardError, match=r"options\.still was None, is True"):
        run(options, "folder", own=FolderOptions(still=True))


def test_a_path_among_the_options_is_recorded_as_it_lies_below_the_root(tmp_path):
    folder = tmp_path / "mine"
    write(folder / "deep" / "pics" / "a" / "0.jpg", jpeg())
    own = FolderOptions(images=folder / "deep" / "pics")
    options = {"root": folder, "out": tmp_path / "out", "split": "train", "classes": "all"}
    (report,) = run(options, "folder", own=own)
    assert load_index(str(report.index)).settings["options"] == {"images": "deep/pics"}


def test_the_wording_of_notes_and_messages_does_not_make_another_set(options, tree):
    write(tree.image("lucia", 1), b"broken")
    (job, _) = make_jobs("davis", PrepareOptions(**options))
    failure = Failure(key="davis/x", outcome=Outcome.MISSING, message="gone")
    listing = replace(job.listing, notes=("one",), failures=(failure,))
    other = replace(listing, notes=("two",), failures=(replace(failure, message="away"),))
    assert listing.digest() == other.digest()
    assert listing.digest() != replace(listing, failures=()).digest()


@pytest.mark.parametrize("change", [{"mask": "m"}, {"frame_index": 9}, {"frame": "f"}])
def test_what_is_written_of_an_item_is_in_the_digest(options, change):
    (job, _) = make_jobs("davis", PrepareOptions(**options))
    unit = job.listing.units[0]
    other = replace(unit, items=(replace(unit.items[0], **change), *unit.items[1:]))
    units = (other, *job.listing.units[1:])
    assert replace(job.listing, units=units).digest() != job.listing.digest()


def test_a_sequence_is_in_the_digest(options):
    (job, _) = make_jobs("davis", PrepareOptions(**options))
    units = tuple(replace(unit, sequence=None) for unit in job.listing.units)
    assert replace(job.listing, units=units).digest() != job.listing.digest()


def test_a_run_that_other_packages_began_is_not_gone_on_with(options, monkeypatch):
    monkeypatch.setattr("vsda.prepare.run.package_versions", lambda: {"pillow": "1"})
    (job, _) = make_jobs("davis", PrepareOptions(**options))
    open_staging(job.staging, job.settings | {"versions": {"pillow": "0"}})
    run_task(job.tasks[0])
    broken = Path(job.tasks[0].result)
    broken.write_bytes(broken.read_bytes().replace(b'"nsamples":5', b'"nsamples":4'))
    train, _ = run(options)
    assert train.num_samples == 5


def test_a_removal_that_was_killed_is_finished_first(options):
    train, _ = run(options)
    folder, name = str(options["out"]), "davis-train"
    change = SetChange(folder, name)
    shard_set = open_set(f"{folder}/{name}")
    info = change.cut(shard_set, shard_set.index.shards[0], ["lucia"])
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr("vsda.shards.change._take", lambda *_: None)
        change.commit(replace(shard_set.index, shards=(info,)))
    again, _ = run(options)
    assert interrupted_changes(folder) == []
    assert (train.num_samples, again.num_samples) == (5, 2)


def test_a_card_that_cannot_be_written_does_not_fail_the_run(options, caplog):
    (options["out"] / "README.md").mkdir(parents=True)
    train, _ = run(options)
    assert verify(open_set(str(train.index))) == []
    assert "README.md: not written" in caplog.text


def test_a_set_inside_the_folder_that_it_is_made_of_is_up_to_date_the_second_time(tmp_path):
    folder = tmp_path / "mine"
    write(folder / "a" / "0.jpg", jpeg())
    options = {"root": folder, "out": folder / "shards", "split": "train", "classes": "all"}
    run(options, "folder")
    assert run(options, "folder")[0].up_to_date


def test_parts_that_were_encoded_elsewhere_keep_their_versions(options, tmp_path):
    train, _ = run(options)
    folder = Path(str(train.index)).parent
    index = replace(load_index(str(train.index)), versions={"pillow": "9.0.0"})
    write(train.index, index.to_json())
    places = [str(folder / "davis-train"), str(folder / "davis-val")]
    one = Workers(num_workers=1)
    made = merge_sets(places, tmp_path / "merged", "all", workers=one, overwrite=False)
    assert made.index.versions["pillow"] == f"9.0.0+{package_versions()['pillow']}"
