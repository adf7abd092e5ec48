"""Whole tables, really trained: killed, resumed, changed."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.made_sets import make_images, make_videos
from tests.tables.making import HEAD, ROWS, STEPS, grid_of, make_data, write_table_file
from tests.training.processes import started
from vsda.errors import RunError, StoppedError, UsageError
from vsda.evaluation.trained import find_checkpoint, open_run
from vsda.tables.elsewhere import trained_in
from vsda.tables.record import State, look, read_record, state_of, write_record
from vsda.tables.results import gather
from vsda.tables.run import run_here
from vsda.tables.work import HowToRun, Job, run_cell
from vsda.tables.write import write_table
from vsda.training.metrics_log import MetricsLog

SAME = ("table.md", "table.html", "table.csv", "claims.csv", "classes.csv")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a table and its data, as a user has them."""
    folder = tmp_path_factory.mktemp("home")
    make_data(folder / "data")
    write_table_file(folder)
    return folder


@pytest.fixture(scope="module")
def how(home):
    return HowToRun(weights_dir=home / "weights", pictures=1)


def grid_in(home, out, **asked):
    return grid_of(home / "table.toml", out, home / "data", **asked)


@pytest.fixture(scope="module")
def whole(home, how):
    """The table, made without any disturbance."""
    grid = grid_in(home, home / "whole")
    ran = run_here([cell for cell in grid.cells if cell.judged_on], how, refused={})
    assert (len(ran.done), ran.failed) == (4, {})
    write_table(gather(grid), home / "whole")
    return grid


def test_every_cell_has_its_scores(whole):
    results = gather(whole)
    assert results.missing == ()
    videos, images = results.columns
    assert set(videos.scores) == set(images.scores) == {"plain", "clustered"}
    assert all(0 < value <= 100 for value in images.scores["plain"].by_seed.values())
    assert read_record(whole.cells[0]).is_trained, "the start was made on the way"


def test_a_record_says_what_it_was_made_of_and_what_it_took(whole):
    record = read_record(whole.cells[-1])
    evaluation = whole.cells[-1].run_dir / "evaluation" / "videos.json"
    assert record.scores["videos"].mean_iou == json.loads(evaluation.read_text())["mean_iou"]
    assert record.versions["torch"] == torch.__version__.partition("+")[0]
    assert record.threads == torch.get_num_threads()
    assert min(record.train_s, record.judge_s, record.peak_bytes) > 0


def test_page_shows_a_frame_with_what_the_runs_really_predicted(home, whole):
    page = (home / "whole" / "table.html").read_text()
    part = page[page.index('id="pictures"') :]
    assert part.count('<figure class="cell">') == 4, "frame, truth, and two rows"
    assert part.count("% right") == 2


def test_seeds_and_rows_differ_and_a_start_counts(whole):
    cells = {cell.name: cell for cell in whole.cells}
    rows = [
        json.loads((cell.run_dir / "metrics.jsonl").read_text().splitlines()[0])["loss"]
        for cell in (cells["first/0"], cells["plain/0"], cells["plain/1"])
    ]
    assert len(set(rows)) == 3


def test_finished_cells_are_not_touched(whole, how):
    before = {path: path.stat().st_mtime_ns for path in whole.cells[-1].run_dir.rglob("*")}
    assert len(run_here(whole.cells, how, refused={}).done) == 5
    after = {path: path.stat().st_mtime_ns for path in whole.cells[-1].run_dir.rglob("*")}
    assert before == after


def test_a_table_stopped_in_a_run_is_resumed_to_the_same_bytes(home, whole, how, monkeypatch):
    grid = grid_in(home, home / "stopped")
    write = MetricsLog.write

    def write_and_stop(self, step, values):
        write(self, step, values)
        if step == 3 and (home / "stopped" / "plain" / "seed-1").exists():
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(MetricsLog, "write", write_and_stop)
    with pytest.raises(StoppedError):
        run_here(grid.cells, how, refused={})
    monkeypatch.undo()
    assert_is_resumed(home, grid, how)


@pytest.mark.slow
def test_a_table_killed_in_a_run_is_resumed_to_the_same_bytes(home, whole, how):
    out = home / "killed"
    command = ["tables", home / "table.toml", "--out", out, "--pictures", "1"]
    kill_in_the_middle(home, command, out / "plain" / "seed-1")
    assert_is_resumed(home, grid_in(home, out), how)


def assert_is_resumed(home, grid, how):
    """Go on with a table that came to an end in its third run; compare it with the whole one."""
    states = {cell.name: state_of(cell, read_record(cell)) for cell in grid.cells}
    assert states["plain/0"] is State.DONE
    assert states["clustered/1"] is State.NEW
    ran = run_here(grid.cells, how, refused={})
    assert (len(ran.done), ran.failed) == (5, {})
    out = grid.cells[0].run_dir.parent.parent
    write_table(gather(grid), out)
    assert_same_table(out, home / "whole")


def assert_same_table(one, other):
    """Compare all files but the costs; a checkout may get a commit while the tests run."""
    for name in SAME:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    texts = [(place / "cells.csv").read_text().splitlines() for place in (one, other)]
    cells = [list(csv.DictReader(text)) for text in texts]
    for row in (*cells[0], *cells[1]):
        del row["git_revision"]
    assert cells[0] == cells[1]


def kill_in_the_middle(home, command, run_dir):
    """SIGKILL the process that leads a table while a run goes on; its worker must end, too."""
    threads = str(torch.get_num_threads())
    process = started(
        [sys.executable, "-m", "vsda", *map(str, command)],
        VSDA_DATA=str(home / "data"),
        OMP_NUM_THREADS=threads,
    )
    metrics = run_dir / "metrics.jsonl"
    deadline = time.monotonic() + 300
    while not metrics.is_file() or metrics.read_bytes().count(b"\n") < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()  # returns when no process is left that could write


def test_a_changed_recipe_is_refused_and_run_anew_when_told_so(home, whole, how, tmp_path):
    short = grid_in(home, tmp_path, overrides=("steps=2",))
    run_cell(Job(short.cells[0], how))
    now = grid_in(home, tmp_path, overrides=("steps=3",)).cells[0]
    assert state_of(now, read_record(now)) is State.CHANGED
    with pytest.raises(RunError, match=r"run with another recipe.*--again runs it anew"):
        run_cell(Job(now, how))
    run_cell(Job(now, HowToRun(weights_dir=home, again=True)))
    assert state_of(now, read_record(now)) is State.DONE
    assert read_record(now).steps == 3


def test_another_set_is_judged_without_training_again(home, whole, how):
    text = (home / "table.toml").read_text()
    fewer = home / "fewer.toml"
    fewer.write_text(
        text.replace('sets = ["videos", "images"]', 'sets = ["videos"]').partition("[[claims]]")[0]
    )
    grid = grid_of(fewer, home / "fewer", home / "data")
    cell = next(cell for cell in grid.cells if cell.name == "plain/0")
    run_cell(Job(cell, how))
    starts = (cell.run_dir / "starts.jsonl").read_bytes()
    both = next(c for c in grid_in(home, home / "fewer").cells if c.name == "plain/0")
    assert state_of(both, read_record(both)) is State.BEGUN
    run_cell(Job(both, how))
    assert set(read_record(both).scores) == {"videos", "images"}
    assert (cell.run_dir / "starts.jsonl").read_bytes() == starts


@pytest.fixture(scope="module")
def twins(home):
    """The file of a table with two worlds that are alike, of one row and one seed."""
    (home / "worlds").mkdir()
    for name in ("one", "two"):
        (home / "worlds" / f"{name}.toml").write_text('description = "alike"')
    head = HEAD.replace("seeds = [0, 1]", 'seeds = [0]\nworlds = ["one", "two"]')
    row = ROWS.split("\n\n")[1].replace('start = "first"', "").lstrip()
    (home / "twins.toml").write_text(f"{head}\n{row}")
    return home / "twins.toml"


def test_a_network_that_two_cells_come_to_is_trained_once(home, twins, how):
    grid = grid_of(twins, home / "twins", home / "data")
    trained, twin = grid.cells
    run_here([twin], how, refused={})  # a job of an array trains what its own cell needs
    records = [read_record(cell) for cell in grid.cells]
    assert all(record.is_trained for record in records)
    assert records[0].scores == records[1].scores
    assert records[0].train_s > 0 == records[1].train_s == records[1].peak_bytes
    checkpoints = [sorted((cell.run_dir / "checkpoints").glob("*.pt")) for cell in grid.cells]
    assert all(one.samefile(other) for one, other in zip(*checkpoints, strict=True))
    assert len(checkpoints[0]) == 2
    assert open_run(twin.run_dir, find_checkpoint(twin.run_dir, "latest")).step == STEPS
    write_table(gather(grid), home / "twins")
    costs = list(csv.DictReader((home / "twins" / "costs.csv").read_text().splitlines()))
    assert [(row["train_s"] == "0.0", row["twin"]) for row in costs] == [
        (False, ""),
        (True, trained.name),
    ]


def test_a_twin_stopped_before_it_is_judged_is_resumed_to_the_same_bytes(
    home, twins, how, monkeypatch
):
    grid = grid_of(twins, home / "stopped-twins", home / "data")
    link, linked = os.link, []

    def link_and_stop(*paths):
        link(*paths)
        linked.append(paths)
        if len(linked) == 2:
            raise StoppedError(143, "stopped")

    monkeypatch.setattr("vsda.tables.twins.os.link", link_and_stop)
    with pytest.raises(StoppedError):
        run_here(grid.cells, how, refused={})
    monkeypatch.undo()
    assert [look(cell)[0] for cell in grid.cells] == [State.DONE, State.BEGUN]
    assert len(run_here(grid.cells, how, refused={}).done) == 2
    write_table(gather(grid), home / "stopped-twins")
    assert_same_table(home / "stopped-twins", home / "twins")


def test_a_network_is_copied_where_it_cannot_be_linked(home, twins, how, monkeypatch):
    grid = grid_of(twins, home / "twins", home / "data")
    trained, twin = grid.cells
    shutil.rmtree(twin.run_dir)

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr("vsda.tables.twins.os.link", refuse)
    run_here([twin], how, refused={})
    path = next((twin.run_dir / "checkpoints").glob("*.pt"))
    assert path.read_bytes() == (trained.run_dir / "checkpoints" / path.name).read_bytes()
    assert not path.samefile(trained.run_dir / "checkpoints" / path.name)
    assert read_record(twin).scores == read_record(trained).scores


@pytest.mark.slow
def test_table_2_of_the_made_up_world_killed_and_resumed(vsda, tmp_path):
    shrunk = ["--seeds", "0-1", "--set", "steps=10"]
    command = ["tables", "2", "--world", "synth", *shrunk]
    vsda(*command, "--out", tmp_path / "whole", VSDA_DATA=str(tmp_path / "data"))
    out = tmp_path / "killed"
    kill_in_the_middle(tmp_path, [*command, "--out", out], out / "swin-joint" / "seed-1")
    vsda(*command, "--out", out, VSDA_DATA=str(tmp_path / "data"))
    assert_same_table(out, tmp_path / "whole")


@pytest.mark.slow
def test_a_killed_worker_costs_its_cell(home, tmp_path, vsda):
    command = ["tables", home / "table.toml", "--out", tmp_path / "out", "--set", "panels_every=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vsda", *map(str, command)],
        env=os.environ | {"VSDA_DATA": str(home / "data")},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "out" / "plain" / "seed-0" / "metrics.jsonl"
    while not log.is_file():
        time.sleep(0.002)
    os.kill(writer_of(log.parent / "cell.log"), signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 3
    assert "failed: plain/0: its worker was killed by SIGKILL; see " in said
    assert "1 of 4 runs are not finished" in (tmp_path / "out" / "table.md").read_text()


def writer_of(path):
    """Return the process that has a file open, on Linux."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # of a process that has ended, or of another user
            if descriptor.readlink() == path:
                return int(descriptor.parts[2])
    raise AssertionError(f"nobody writes {path}")


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_networks_of_another_table_are_judged_and_not_trained_again(home, whole, how):
    out, before = home / "reusing", contents(home / "whole")
    grid = grid_in(home, out, trained=trained_in([home / "whole"]))
    starts = {cell.name: cell.start and cell.start.run_dir for cell in grid.cells}
    assert starts["plain/1"] == home / "whole" / "first" / "seed-0", "a start is not made either"
    ran = run_here([cell for cell in grid.cells if cell.judged_on], how, refused={})
    assert (len(ran.done), ran.failed) == (4, {})
    records = [read_record(cell) for cell in grid.cells if cell.judged_on]
    assert {record.train_s for record in records} == {0.0}
    assert records[0].twin == str(home / "whole" / "plain" / "seed-0")
    write_table(gather(grid), out)
    assert_same_table(out, home / "whole")
    assert contents(home / "whole") == before


@pytest.fixture
def borrowing(home, whole, tmp_path):
    """A copy of the whole table's runs, and what makes a grid that takes some of them."""
    shutil.copytree(home / "whole", tmp_path / "lent")

    def make(*rows, data=home / "data"):
        lent = trained_in([tmp_path / "lent" / row for row in rows])
        grid = grid_of(home / "table.toml", tmp_path / "out", data, trained=lent)
        return {cell.name: cell for cell in grid.cells}

    return make


@pytest.mark.parametrize("rows", [["first", "plain"], ["first"]])
def test_a_network_or_start_trained_on_other_data_by_the_same_name_is_refused(
    borrowing, how, tmp_path, rows
):
    make_images(tmp_path / "data" / "shards", 12)
    make_videos(tmp_path / "data" / "shards", 5)
    plain = borrowing(*rows, data=tmp_path / "data")["plain/0"]
    with pytest.raises(RunError, match=r"seed-0: was trained on another images than .*--reuse"):
        run_cell(Job(plain, how))
    assert not (plain.run_dir / "checkpoints").exists()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("change", ["another recipe", "gone"])
def test_what_became_of_another_tables_run_is_told_and_left_alone(
    borrowing, how, tmp_path, change, again
):
    plain = borrowing("first")["plain/0"]
    lent = tmp_path / "lent" / "first" / "seed-0"
    if change == "gone":
        shutil.rmtree(lent)
    else:
        record = json.loads((lent / "cell.json").read_text())
        (lent / "cell.json").write_text(json.dumps(record | {"fingerprint": "another"}))
    before = contents(tmp_path / "lent")
    with pytest.raises(RunError, match=r"seed-0: is not the trained run any more .*call again"):
        run_cell(Job(plain, replace(how, again=again)))
    assert contents(tmp_path / "lent") == before


def test_what_is_trained_is_judged_though_its_lent_start_is_gone(borrowing, how, tmp_path):
    plain = borrowing("first")["plain/0"]
    run_cell(Job(plain, how))
    whole = read_record(plain)
    write_record(plain, whole.model_copy(update={"scores": {}}))
    shutil.rmtree(tmp_path / "lent")
    run_cell(Job(plain, how))
    assert read_record(plain).scores == whole.scores


@pytest.mark.parametrize("text", ["{", "{}", '{"images": [1]}'])
def test_a_lent_network_whose_provenance_says_nothing_is_told(borrowing, how, tmp_path, text):
    plain = borrowing("first")["plain/0"]
    (tmp_path / "lent" / "first" / "seed-0" / "provenance.json").write_text(text)
    with pytest.raises(RunError, match=r"provenance.json: cannot be read .*leave out --reuse"):
        run_cell(Job(plain, how))


def test_a_lent_network_whose_files_are_gone_is_told(borrowing, how, tmp_path):
    plain = borrowing("first", "plain")["plain/0"]
    shutil.rmtree(tmp_path / "lent" / "plain" / "seed-0" / "checkpoints")
    with pytest.raises(RunError, match=r"checkpoints: is missing, .* leave out --reuse to train"):
        run_cell(Job(plain, how))


def test_what_is_trained_here_is_not_borrowed(borrowing, how):
    first = borrowing()["first/0"]
    run_cell(Job(first, how))
    cells = borrowing("first", "plain")
    assert cells["first/0"].twin is None
    assert cells["plain/0"].start is cells["first/0"], "as of all rows of the table"
    assert cells["plain/0"].twin.is_borrowed


def test_what_is_left_of_a_try_is_not_judged_in_place_of_a_damaged_network(
    borrowing, how, tmp_path
):
    plain = borrowing("first", "plain")["plain/0"]
    own = plain.run_dir / "checkpoints" / "step-000001.pt"
    own.parent.mkdir(parents=True)
    for path in (tmp_path / "lent" / "plain" / "seed-0" / "checkpoints").glob("*.pt"):
        own.write_bytes(path.read_bytes())
        path.write_bytes(b"damaged")
    with pytest.raises(RunError, match="none of 2 checkpoints is whole"):
        run_cell(Job(plain, how))
    assert not read_record(plain).scores


def test_records_that_say_nothing_are_told_and_left_out(tmp_path, caplog):
    texts = {"cut": "{", "list": "[]", "begun": '{"fingerprint": "a", "is_trained": false}'}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "cell.json").write_text(text)
    assert trained_in([tmp_path]) == {}
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition("/cell.json: ")[0] for line in told] == [
        str(tmp_path / "cut"),
        str(tmp_path / "list"),
    ]
    with pytest.raises(UsageError, match=r"--reuse .*nowhere: not a folder"):
        trained_in([tmp_path / "nowhere"])
