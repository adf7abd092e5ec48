"""`vsda tables` as a user calls it."""

import json

import pytest
from typer.testing import CliRunner

from tests.tables import dying
from tests.tables.making import make_data, write_table_file
from vsda.cli.app import app
from vsda.errors import RecipeError, UnknownNameError, UsageError
from vsda.tables import run
from vsda.tables.plan import Forecast, by_row


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Run the command in a folder with a table and its data; training is left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VSDA_DATA", str(make_data(tmp_path / "data")))
    monkeypatch.setattr(run, "run_logged", dying.run)
    write_table_file(tmp_path)

    def call(*arguments):
        words = ["tables", *map(str, arguments)]
        return CliRunner().invoke(app, words, catch_exceptions=False)

    def refused(*arguments):
        with pytest.raises((UsageError, UnknownNameError, RecipeError)) as error:
            call(*arguments)
        return str(error.value)

    call.refused = refused
    return call


def test_without_a_name_the_tables_are_listed(tables):
    lines = tables().stdout.splitlines()
    assert "2               Swin-T + UperNet, judged on DAVIS" in lines


def test_a_table_is_run_and_written(tables, tmp_path):
    result = tables("table.toml")
    assert result.exit_code == 0
    assert "| images alone | 50.0 ± 0.0 | 50.0 ± 0.0 |" in result.stdout
    assert result.stdout.splitlines()[-1] == "tables/table/costs.csv"
    assert (tmp_path / "tables" / "table" / "table.html").is_file()


def test_json_has_columns_claims_and_files(tables):
    values = json.loads(tables("table.toml", "--json", "--out", "out").stdout)
    assert values["columns"][0]["scores"]["plain"]["mean"] == 50
    assert values["claims"][0] == {
        "claim": "clustered > plain",
        "on": "videos",
        "verdict": "within noise",
        "why": "",
    }
    assert values["files"][0] == "out/table.md"


def test_what_fails_is_told_with_exit_code_3(tables, tmp_path):
    row = '[[rows]]\nname = "{}"\nrecipe = "small.toml"\n'
    rows = row.format("plain") + row.format("fails")
    write_table_file(tmp_path, rows=rows, claims="")
    result = tables("table.toml")
    assert result.exit_code == 3
    assert "failed: fails/0: diverged" in result.stderr
    assert "2 of 4 runs are not finished" in result.stdout


def test_a_missing_set_costs_its_rows_and_is_told_with_the_command(tables, tmp_path):
    rows = '[[rows]]\nname = "other"\nrecipe = "small.toml"\nset = { images = ["coco-train"] }\n'
    path = write_table_file(tmp_path)
    path.write_text(path.read_text() + rows)
    result = tables("table.toml")
    assert result.exit_code == 3
    assert "failed: other/1: " in result.stderr
    assert "coco-train: no such set; `vsda prepare coco" in result.stderr


def test_a_plan_runs_nothing(tables, tmp_path, monkeypatch):
    monkeypatch.setattr("vsda.tables.forecast.forecast", guess)
    result = tables("table.toml", "--plan")
    assert result.exit_code == 0
    assert "5 runs left: 1 min 0 s one after another, 5.0 kB more on the disk" in result.stdout
    assert not (tmp_path / "tables").exists()
    planned = json.loads(tables("table.toml", "--plan", "--json").stdout)
    assert [(row["row"], row["num_left"]) for row in planned] == [
        ("first", 1),
        ("plain", 2),
        ("clustered", 2),
    ]
    assert planned[1]["states"] == {"to do": 2}


def guess(grid, how, probe):
    """Stand in for what counts multiply-adds, which takes seconds and has tests of its own."""
    seconds = Forecast(multiply_adds=1, kept_bytes=1000, step_s=2.0)
    return dict.fromkeys(by_row(grid), seconds)


def test_gather_writes_what_there_is(tables):
    result = tables("table.toml", "--gather")
    assert result.exit_code == 0
    assert "4 of 4 runs are not finished" in result.stdout


def test_seeds_are_lists_and_ranges(tables):
    tables("table.toml", "--seeds", "3,5-6", "--out", "out")
    values = json.loads(tables("table.toml", "--seeds", "3,5-6", "--out", "out", "--json").stdout)
    assert list(values["columns"][0]["scores"]["plain"]["by_seed"]) == ["3", "5", "6"]
    assert "expected numbers, such as 0-4" in tables.refused("table.toml", "--seeds", "three")
    assert "seed 3 stands there twice" in tables.refused("table.toml", "--seeds", "3,3")


def test_bad_words_are_refused_with_what_was_meant(tables):
    assert "Did you mean 'synth'" in tables.refused("table.toml", "--world", "sinth")
    assert "Did you mean 'plain/1'" in tables.refused("table.toml", "--cell", "plan/1")
    assert "expected I/N" in tables.refused("table.toml", "--task", "7")
    assert "stepz: unknown key" in tables.refused("table.toml", "--set", "stepz=3")
    assert "add --plan" in tables.refused("table.toml", "--probe", "3")
    assert "give one" in tables.refused("table.toml", "--plan", "--gather")


def test_runs_of_another_table_are_counted_as_twins_and_taken(tables, monkeypatch):
    monkeypatch.setattr("vsda.tables.forecast.forecast", guess)
    tables("table.toml", "--out", "first")
    plan = tables("table.toml", "--out", "second", "--reuse", "first", "--plan")
    assert (
        "5 runs left: 0 min 0 s one after another, 0 B more on the disk; 5 of them" in plan.stdout
    )
    assert tables("table.toml", "--out", "second", "--reuse", "first", "--jobs", "2").exit_code == 0
    assert tables("table.toml", "--out", "first", "--reuse", "first").exit_code == 0
    assert "not a folder" in tables.refused("table.toml", "--reuse", "nowhere")


def test_chosen_runs_are_made_several_at_a_time(tables, monkeypatch):
    seen = []
    real = run.run_cells

    def noting(cells, how, *, jobs, refused):
        seen.append(([cell.name for cell in cells], jobs))
        return real(cells, how, jobs=jobs, refused=refused)

    monkeypatch.setattr(run, "run_cells", noting)
    asked = ("--cell", "plain/1", "--cell", "clustered/0", "--jobs", "2")
    result = tables("table.toml", *asked, "--out", "out")
    assert result.stdout.splitlines() == ["plain/1  done", "clustered/0  done"]
    assert seen == [(["first/0", "plain/1", "clustered/0"], 2)]


def test_a_chosen_run_that_fails_is_a_failure_though_its_start_is_done(tables, tmp_path):
    row = '[[rows]]\nname = "{}"\nrecipe = "small.toml"\n'
    rows = row.format("plain") + row.format("fails") + 'start = "plain"\nset = { steps = 3 }\n'
    write_table_file(tmp_path, rows=rows, claims="")
    result = tables("table.toml", "--cell", "fails/0", "--jobs", "2")
    assert (result.exit_code, result.stdout) == (1, "")
