import pytest

from tests.report.make_runs import make_run, runs_in
from vsda.errors import RunError, UsageError
from vsda.report.read import read_runs


def test_run_is_named_by_its_folder_and_a_letter(tmp_path):
    runs = runs_in([make_run(tmp_path / "one"), make_run(tmp_path / "two")])

    assert [(run.letter, run.name) for run in runs] == [("A", "one"), ("B", "two")]


def test_runs_of_the_same_name_are_told_apart_by_their_parents(tmp_path):
    runs = runs_in([make_run(tmp_path / "x" / "run"), make_run(tmp_path / "y" / "run")])

    assert [run.name for run in runs] == ["x/run", "y/run"]


def test_twenty_seventh_run_is_a_number(tmp_path):
    runs = runs_in([make_run(tmp_path / f"r{number}") for number in range(27)])

    assert (runs[25].letter, runs[26].letter) == ("Z", "27")


def test_missing_folder_is_told_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(RunError, match=r"gone: no such run folder; `vsda train RECIPE --run DIR`"):
        read_runs([tmp_path / "gone"])


def test_folder_without_recipe_names_all_that_is_missing(tmp_path):
    (tmp_path / "provenance.json").write_text("{}")

    with pytest.raises(RunError, match=r"not a run folder: recipe\.json, metrics\.jsonl missing"):
        read_runs([tmp_path])


def test_recipe_that_is_not_json_is_named(tmp_path):
    make_run(tmp_path / "run")
    (tmp_path / "run" / "recipe.json").write_text("{")

    with pytest.raises(RunError, match=r"run/recipe\.json: not JSON"):
        read_runs([tmp_path / "run"])


def test_recipe_that_is_a_list_is_refused(tmp_path):
    make_run(tmp_path / "run")
    (tmp_path / "run" / "recipe.json").write_text("[]")

    with pytest.raises(RunError, match="expected a JSON object, got list"):
        read_runs([tmp_path / "run"])


def test_same_folder_twice_is_refused_even_if_spelled_differently(tmp_path):
    run = make_run(tmp_path / "run")

    with pytest.raises(UsageError, match="given twice"):
        read_runs([run, tmp_path / "other" / ".." / "run"])


def test_young_run_has_neither_log_nor_provenance_nor_evaluation(tmp_path):
    (run,) = runs_in([make_run(tmp_path / "run", log=None, provenance=None)])

    assert (run.log, run.provenance, run.evaluations, run.last_step) == (None, None, {}, None)


def test_last_step_is_the_later_of_log_and_checkpoints(tmp_path):
    folder = make_run(tmp_path / "run", log=[{"step": 10, "loss": 1.0}])
    (folder / "checkpoints").mkdir()
    for name in ("step-000020.pt", "step-000015.pt", "best.pt", "step-000030.pt.part"):
        (folder / "checkpoints" / name).touch()

    assert runs_in([folder])[0].last_step == 20


def test_folder_that_is_no_run_is_left_out_beside_one_that_is(tmp_path):
    reading = read_runs([tmp_path / "gone", make_run(tmp_path / "run"), tmp_path])

    assert [(run.letter, run.name) for run in reading.runs] == [("A", "run")]
    assert [text.partition(":")[0] for text in reading.unread] == [
        str(tmp_path / "gone"),
        str(tmp_path),
    ]


def test_damaged_files_of_a_run_are_told_and_the_rest_is_read(tmp_path):
    folder = make_run(tmp_path / "run", log=[{"step": 1, "loss": 2.0}])
    (folder / "provenance.json").write_text("{")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('oops\n[]\n{"step": 2, "loss": 1.0}\n')

    (run,) = runs_in([folder])

    assert run.log.values["loss"] == (2.0, 1.0)
    assert run.provenance is None
    assert "provenance.json: not JSON" in run.damage[0]
    assert "metrics.jsonl:2: not JSON" in run.damage[1]
    assert run.damage[1].endswith("; 1 other lines are damaged as well")
