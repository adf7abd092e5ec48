"""Many cells: each fails or dies alone."""

from pathlib import Path

import pytest

from tests.tables import dying
from tests.tables.making import grid_of, write_table_file
from tests.tables.records import finish
from vsda.errors import UnknownNameError, UsageError
from vsda.tables import run
from vsda.tables.record import read_record
from vsda.tables.work import HowToRun

HOW = HowToRun(weights_dir=Path("weights"))


def rows(**starts):
    """Return rows by name with what each starts from; no two come to the same network."""
    return "".join(
        f'[[rows]]\nname = "{name}"\nrecipe = "small.toml"\nstart = "{start}"\n'
        f"set = {{ steps = {number} }}\n"
        for number, (name, start) in enumerate(starts.items(), 1)
    )


HEAD = 'title = "t"\nsets = ["videos"]\nseeds = [0, 1]\n'


@pytest.fixture
def cells(tmp_path, monkeypatch):
    def make(head=HEAD, **starts):
        monkeypatch.setattr(run, "run_logged", dying.run)
        path = write_table_file(tmp_path, head=head, rows=rows(**starts), claims="")
        return grid_of(path, tmp_path / "out").cells

    return make


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_cell_that_fails_or_dies_costs_itself_and_what_starts_from_it(cells, jobs):
    made = cells(dies="", fails="", after="dies", well="", later="well")
    ran = run.run_cells(made, HOW, jobs=jobs, refused={})
    assert sorted(ran.done) == ["later/0", "later/1", "well/0", "well/1"]
    assert ran.failed["fails/0"] == "diverged"
    assert "was killed by SIGKILL; see " in ran.failed["dies/1"]
    assert ran.failed["after/1"] == "its start dies/1 failed"
    assert len(ran.failed) == 6


def test_a_cell_waits_for_its_start_while_others_run(cells):
    made = cells(slow="", after="slow", well="")
    ran = run.run_cells(made, HOW, jobs=3, refused={})
    assert (len(ran.done), ran.failed) == (6, {})


def test_a_twin_waits_for_the_cell_that_is_trained_and_fails_with_it(cells, tmp_path):
    for name in ("one", "two"):
        (tmp_path / "worlds").mkdir(exist_ok=True)
        (tmp_path / "worlds" / f"{name}.toml").write_text('description = "alike"')
    made = cells(head=HEAD + 'worlds = ["one", "two"]\n', slow="", fails="slow")
    ran = run.run_cells(made, HOW, jobs=4, refused={})
    assert sorted(ran.done) == [
        f"{world}/slow/{seed}" for world in ("one", "two") for seed in (0, 1)
    ]
    assert ran.failed["two/fails/1"] == "its twin one/fails/1 failed"
    chain = run.unfinished(run.chosen(made, ["two/fails/0"]))
    assert [cell.name for cell in chain] == ["two/fails/0", "one/fails/0"]


def test_what_is_done_is_not_run_again(cells):
    made = cells(well="", fails="")
    for cell in made:
        finish(cell, 0.3)
    ran = run.run_cells(made, HOW, jobs=1, refused={})
    assert len(ran.done) == 4
    assert read_record(made[0]).scores["videos"].mean_iou == 0.3


def test_what_is_refused_or_damaged_is_told_and_the_others_run(cells):
    made = cells(well="", after="well")
    made[1].run_dir.mkdir(parents=True)
    (made[1].run_dir / "cell.json").write_text("{")
    ran = run.run_cells(made, HOW, jobs=1, refused={"well/0": "no such set"})
    assert ran.done == []
    assert ran.failed["well/0"] == "no such set"
    assert "cell.json: not the record of a cell" in ran.failed["well/1"]
    assert ran.failed["after/0"] == "its start well/0 failed"


def test_cells_are_chosen_by_name_or_shared_out(cells):
    made = cells(a="", b="a", c="a")
    assert [cell.name for cell in run.chosen(made, ["c/1", "a/0"])] == ["c/1", "a/0"]
    with pytest.raises(UnknownNameError, match=r"cell 'c/3'. Did you mean 'c/"):
        run.chosen(made, ["c/3"])
    shares = [run.share_of(made, f"{number}/4") for number in range(4)]
    names = sorted(cell.name for share in shares for cell in share)
    assert names == sorted(cell.name for cell in made)
    for wrong in ("4/4", "1", "a/4", "-1/4", "1/0"):
        with pytest.raises(UsageError, match="expected I/N"):
            run.share_of(made, wrong)


def test_starts_that_are_not_done_are_unfinished_too(cells):
    made = cells(a="", b="a")
    finish(made[1], 0.5)
    assert [cell.name for cell in run.unfinished(made[2:])] == ["b/0", "b/1", "a/0"]
