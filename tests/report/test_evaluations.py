import json
import math
import re

import pytest

from tests.report.make_runs import evaluation, judge, make_run, runs_in


def test_evaluation_is_found_under_the_name_of_its_set(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation(mean=0.25, videos={"bear": 0.5}))

    found = runs_in([folder])[0].evaluations["davis-val"]

    assert (found.mean_iou, found.videos["bear"].mean_iou) == (0.25, 0.5)


def test_evaluation_keeps_unknown_keys_out_and_null_scores_as_none(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation(mean=None, later="key"))

    assert runs_in([folder])[0].evaluations["davis-val"].mean_iou is None


def test_nan_score_counts_as_no_score(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation(mean=math.nan, iou={"person": math.nan}))

    found = runs_in([folder])[0].evaluations["davis-val"]

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

    (run,) = runs_in([folder])

    assert run.evaluations == {}
    assert re.search(message, run.damage[0])


def test_second_evaluation_of_a_set_is_left_out_and_told(tmp_path):
    folder = judge(make_run(tmp_path / "run"), evaluation())
    (folder / "evaluation" / "later.json").write_text(json.dumps(evaluation(mean=0.1)))

    (run,) = runs_in([folder])

    assert run.evaluations["davis-val"].mean_iou == 0.5
    assert "a second evaluation of 'davis-val'; remove one" in run.damage[0]


def test_measures_of_later_versions_are_read_where_they_are(tmp_path):
    later = {
        "interval": [0.4, 0.6],
        "iou_interval": {"person": [0.3, 0.7], "cow": None},
        "davis": {"j_and_f": 0.5, "j_mean": 0.4, "f_mean": 0.6, "j_recall": 0.9},
        "stability": {"flicker": 0.1, "consistency": None},
        "attributes": {"dark": {"num_videos": 2, "mean_iou": 0.3, "interval": None}},
    }
    folder = judge(make_run(tmp_path / "run"), evaluation() | later)

    found = runs_in([folder])[0].evaluations["davis-val"]

    assert found.interval == (0.4, 0.6)
    assert found.iou_interval == {"person": (0.3, 0.7), "cow": None}
    assert (found.davis.j_and_f, found.stability.flicker) == (0.5, 0.1)
    assert found.attributes["dark"].num_videos == 2
