"""What is there of a table, what is left, and its cost."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.tables.making import HEAD, STEPS, grid_of, make_data, write_table_file
from tests.tables.records import finish
from vsda.tables.forecast import forecast
from vsda.tables.plan import Forecast, plan_table
from vsda.tables.record import State, read_record, write_record
from vsda.tables.work import HowToRun
from vsda.training.inputs import open_inputs
from vsda.training.run import RunOptions, train


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A table of which one cell is done, and one was done with another recipe."""
    folder = tmp_path_factory.mktemp("plan")
    data = make_data(folder / "data")
    made = grid_of(write_table_file(folder), folder / "out", data)
    cells = {cell.name: cell for cell in made.cells}
    finish(cells["plain/0"], 0.5)
    (cells["plain/0"].run_dir / "big").write_bytes(b"x" * 5000)
    write_record(cells["plain/1"], read_record(cells["plain/0"]))
    return made


@pytest.fixture(scope="module")
def foreseen(grid, tmp_path_factory):
    how = HowToRun(weights_dir=tmp_path_factory.mktemp("weights"))
    return forecast(grid, how, probe_steps=1)


def test_a_plan_tells_states_and_what_finished_runs_took(grid, foreseen):
    plain = {row.row: row for row in plan_table(grid, foreseen)}["plain"]
    assert plain.states == {State.DONE: 1, State.CHANGED: 1}
    assert (plain.measured, plain.step_s, plain.num_left) == ("runs", 2.0, 1)
    assert plain.left_s == pytest.approx(STEPS * 2.0 + 3.0)
    assert (plain.run_bytes > 5000, plain.peak_bytes) == (True, 1_000_000)


def test_rows_without_a_run_are_timed_and_leave_nothing(grid, foreseen):
    rows = {row.row: row for row in plan_table(grid, foreseen)}
    clustered = rows["clustered"]
    assert clustered.states == {State.NEW: 2}
    assert (clustered.measured, clustered.peak_bytes) == ("probe", None)
    assert clustered.left_s == pytest.approx(2 * STEPS * clustered.step_s)
    assert clustered.multiply_adds > rows["plain"].multiply_adds > 0
    assert not grid.cells[-1].run_dir.exists()


def test_a_row_without_steps_costs_but_its_judging(tmp_path):
    zero = 'set = { steps = 0, statistics = "videos" }\n'
    rows = f'[[rows]]\nname = "plain"\nrecipe = "small.toml"\n{zero}'
    made = grid_of(write_table_file(tmp_path, rows=rows, claims=""), tmp_path / "out")
    finish(made.cells[0], 0.5, train_s=0.0)
    (row,) = plan_table(made, {("plain", "real"): Forecast(multiply_adds=1, kept_bytes=1)})
    assert (row.num_left, row.step_s, row.left_s) == (1, 0.0, 3.0)


def test_a_twin_is_counted_as_judged_alone(tmp_path):
    (tmp_path / "worlds").mkdir()
    for name in ("one", "two"):
        (tmp_path / "worlds" / f"{name}.toml").write_text('description = "alike"')
    head = HEAD + 'worlds = ["one", "two"]\n'
    made = grid_of(write_table_file(tmp_path, head=head), tmp_path / "out")
    cells = {cell.name: cell for cell in made.cells}
    finish(cells["one/plain/0"], 0.5)
    finish(cells["two/plain/0"], 0.5, train_s=0.0, peak_bytes=0, twin="one/plain/0")
    known = Forecast(multiply_adds=1, kept_bytes=1, step_s=4.0)
    keys = {(cell.row, cell.world) for cell in made.cells}
    rows = {(row.row, row.world): row for row in plan_table(made, dict.fromkeys(keys, known))}
    one, two = rows["plain", "one"], rows["plain", "two"]
    assert (one.num_left, one.num_twins, one.left_s) == (1, 0, STEPS * 2.0 + 3.0)
    assert (two.num_left, two.num_twins, two.left_s) == (1, 1, 3.0)
    assert (two.step_s, two.measured, two.peak_bytes) == (4.0, "probe", None)
    bare = replace(known, step_s=None)
    rows = {(row.row, row.world): row for row in plan_table(made, dict.fromkeys(keys, bare))}
    assert rows["clustered", "one"].left_s is None
    assert rows["clustered", "two"].left_s == 0.0


def test_the_disk_is_foreseen_as_it_comes_out(grid, foreseen, tmp_path):
    recipe = grid.cells[0].recipe
    train(recipe, open_inputs(recipe), RunOptions(run_dir=tmp_path / "run"))
    kept = sum(path.stat().st_size for path in (tmp_path / "run" / "checkpoints").glob("*.pt"))
    assert foreseen["first", "real"].kept_bytes == pytest.approx(kept, rel=0.5)


def test_a_probe_that_fails_is_told_and_the_plan_goes_on(grid, tmp_path, caplog, monkeypatch):
    step = SimpleNamespace(segmentation=1, added=0)  # counting takes seconds and is no matter here
    known = SimpleNamespace(step=step, parameters=1, discriminator_parameters=0)
    monkeypatch.setattr(
        "vsda.tables.forecast.recipe_costs", lambda recipes: dict.fromkeys(recipes, known).items()
    )
    bare = grid_of(write_table_file(tmp_path), tmp_path / "out", tmp_path / "nothing")
    found = forecast(bare, HowToRun(weights_dir=tmp_path), probe_steps=1)
    assert found["plain", "real"].step_s is None
    assert "plain: not timed: " in caplog.text
