import json
import math

import pytest

from tests.report.make_runs import evaluation, judge, make_run
from vsda.errors import RunError, UsageError
from vsda.report.read import read_log, read_runs


def _log(tmp_path, text):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text)
    return path


def test_run_is_named_by_its_folder_and_a_letter(tmp_path):
    runs = read_runs([make_run(tmp_path / "one"), make_run(tmp_path / "two")])

    assert [(run.letter, run.name) for run in runs] == [("A", "one"), ("B", "two")]


def test_runs_of_the_same_name_are_told_apart_by_their_parents(tmp_path):
    runs = read_runs([make_run(tmp_path / "x" / "run"), make_run(tmp_path / "y" / "run")])

    assert [run.name for run in runs] == ["x/run", "y/run"]


def test_twenty_seventh_run_is_a_number(tmp_path):
    runs = read_runs([make_run(tmp_path / f"r{number}") for number in range(27)])

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
    (run,) = read_runs([make_run(tmp_path / "run", log=None, provenance=None)])

    assert (run.log, run.provenance, run.evaluations, run.last_step) == (None, None, {}, None)


def test_last_step_is_the_later_of_log_and_checkpoints(tmp_path):
    folder = make_run(tmp_path / "run", log=[{"step": 10, "loss": 1.0}])
    (folder / "checkpoints").mkdir()
    for name in ("step-000020.pt", "step-000015.pt", "best.pt", "step-000030.pt.part"):
        (folder / "checkpoints" / name).touch()

    assert read_runs([folder])[0].last_step == 20


def test_evaluation_is_found_under_the_name_of_its_set(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation(mean=0.25, videos={"bear": 0.5}))

    found = read_runs([folder])[0].evaluations["davis-val"]

    assert (found.mean_iou, found.videos["bear"].mean_iou) == (0.25, 0.5)


def test_evaluation_keeps_unknown_keys_out_and_null_scores_as_none(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation(mean=None, later="key"))

    assert read_runs([folder])[0].evaluations["davis-val"].mean_iou is None


def test_nan_score_counts_as_no_score(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation(mean=math.nan, iou={"person": math.nan}))

    found = read_runs([folder])[0].evaluations["davis-val"]

    assert (found.mean_iou, found.iou["person"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean_iou": 54.0}, r"davis-val\.json: mean_iou: got 54\.0; .*less than or equal to 1"),
        ({"mean_iou": "good"}, r"mean_iou: got 'good'; .*run `vsda evaluate` again"),
        ({"num_frames": None}, r"num_frames: got None"),
        ({"videos": {"bear": {"num_frames": 2}}}, r"videos\.bear\.mean_iou: got nothing"),
    ],
)
def test_damaged_evaluation_is_named_with_file_and_key(tmp_path, change, message):
    folder = judge(make_run(tmp_path / "run"), evaluation() | change)

    with pytest.raises(RunError, match=message):
        read_runs([folder])


def test_two_evaluations_of_one_set_are_refused(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation())
    (folder / "evaluation" / "copy.json").write_text(json.dumps(evaluation()))

    with pytest.raises(RunError, match="a second evaluation of 'davis-val'; remove one"):
        read_runs([folder])


def test_log_gives_each_number_by_step(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1}\n'))

    assert (log.steps, log.values, log.cut) == ((1, 2), {"loss": (2.0, 1.0)}, False)


def test_later_line_of_a_step_replaces_the_earlier(tmp_path):
    text = '{"step": 1, "loss": 9}\n{"step": 2, "loss": 8}\n{"step": 1, "loss": 3}\n'

    log = read_log(_log(tmp_path, text))

    assert (log.steps, log.values["loss"]) == ((1, 2), (3.0, 8.0))


def test_log_has_nan_where_a_line_lacks_a_number(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "a": 5}\n{"step": 2, "b": null}\n{"step": 3}\n'))

    assert log.values.keys() == {"a"}
    assert log.values["a"][0] == 5
    assert math.isnan(log.values["a"][1])


def test_log_leaves_out_words_and_truth_values(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "note": "x", "flag": true, "loss": 1}\n'))

    assert log.values.keys() == {"loss"}


def test_cut_last_line_is_left_out_and_told(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "loss": 2}\n{"step": 2, "lo'))

    assert (log.steps, log.cut) == ((1,), True)


def test_whole_last_line_without_line_end_counts(tmp_path):
    log = read_log(_log(tmp_path, '{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}'))

    assert (log.steps, log.cut) == ((1, 2), False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{oops}", r"metrics\.jsonl:2: not JSON"),
        ('{"loss": 1}', r"metrics\.jsonl:2: expected an object with a whole number 'step'"),
        ('{"step": 1.5}', r"metrics\.jsonl:2: expected .*got '\{\"step\": 1\.5\}'"),
        ("[1]", r"metrics\.jsonl:2: expected an object"),
    ],
)
def test_bad_line_inside_a_log_is_an_error_with_its_number(tmp_path, line, message):
    path = _log(tmp_path, f'{{"step": 1}}\n{line}\n{{"step": 3}}\n')

    with pytest.raises(RunError, match=message):
        read_log(path)
