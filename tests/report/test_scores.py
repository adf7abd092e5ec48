import pytest

from tests.report.make_runs import evaluation, judge, make_run, runs_in, runs_of
from vsda.report.compare import compare


def _only(runs):
    (result,) = compare(runs)
    return result


def test_difference_is_to_the_first_run_in_points(tmp_path):
    result = _only(runs_of(evaluation(0.208), evaluation(0.316), folder=tmp_path))

    assert [score.mean_iou for score in result.scores] == pytest.approx([20.8, 31.6])
    assert result.scores[0].difference is None
    assert result.scores[1].difference == pytest.approx(10.8)


def test_best_is_the_run_that_no_other_reaches(tmp_path):
    runs = runs_of(evaluation(0.2), evaluation(0.5), evaluation(0.4), folder=tmp_path)

    assert [score.best for score in _only(runs).scores] == [False, True, False]


def test_first_run_can_be_the_best(tmp_path):
    result = _only(runs_of(evaluation(0.5), evaluation(0.4), folder=tmp_path))

    assert [score.best for score in result.scores] == [True, False]
    assert result.verdict == "A (r0) is ahead at 50.0, 10.0 points before B (r1)."


def test_nobody_is_best_where_two_print_alike(tmp_path):
    runs = runs_of(evaluation(0.5001), evaluation(0.5004), evaluation(0.1), folder=tmp_path)

    assert not any(score.best for score in _only(runs).scores)
    assert _only(runs).verdict == "A (r0) and B (r1) are level at 50.0."


def test_single_run_is_never_best(tmp_path):
    result = _only(runs_of(evaluation(0.9), folder=tmp_path))

    assert not result.scores[0].best
    assert result.verdict == "A (r0) reaches 90.0."


def test_verdict_counts_the_sequences_on_both_sides(tmp_path):
    first = evaluation(0.2, videos={"bear": 0.5, "camel": 0.1, "goat": 0.3, "dog": 0.2})
    other = evaluation(0.3, videos={"bear": 0.4, "camel": 0.6, "goat": 0.3001, "dog": 0.9})

    result = _only(runs_of(first, other, folder=tmp_path))

    assert (result.scores[1].better, result.scores[1].worse) == (2, 1)
    assert result.verdict == (
        "B (r1) is ahead at 30.0, +10.0 points against A (r0); better on 2 sequences, worse on 1."
    )


def test_sequences_without_a_score_are_not_counted(tmp_path):
    first = evaluation(0.2, videos={"bear": None, "camel": 0.1})
    other = evaluation(0.3, videos={"bear": 0.4, "camel": 0.6})

    score = _only(runs_of(first, other, folder=tmp_path)).scores[1]

    assert (score.better, score.worse) == (1, 0)


def test_sequences_are_not_counted_where_the_runs_saw_different_ones(tmp_path):
    first, other = evaluation(0.2, videos={"bear": 0.1}), evaluation(0.3, videos={"camel": 0.6})

    assert _only(runs_of(first, other, folder=tmp_path)).scores[1].better is None


@pytest.mark.parametrize(
    "change",
    [
        {"num_frames": 5},
        {"at_px": 128},
        {"classes": ["background", "person"]},
        {"pixels": {"background": 7001, "person": 2000, "dog": 1000, "cow": 0}},
    ],
)
def test_runs_that_were_not_judged_alike_are_not_compared(tmp_path, change):
    result = _only(runs_of(evaluation(0.2), evaluation(0.5, **change), folder=tmp_path))

    assert result.scores[1].difference is None
    assert not any(score.best for score in result.scores)
    assert result.verdict == "The runs were not judged alike, so none is named as ahead."
    assert "Not judged alike" in result.caution


def test_caution_says_what_each_run_was_judged_on(tmp_path):
    runs = runs_of(evaluation(0.2), evaluation(0.5, num_frames=5), folder=tmp_path)

    assert "A: 4 frames, 4 classes, at 64 px; B: 5 frames, 4 classes" in _only(runs).caution


def test_run_without_evaluation_gets_the_command_with_the_place_of_the_others(tmp_path):
    runs = runs_of(evaluation(place="/data/my shards/"), None, folder=tmp_path)

    score = _only(runs).scores[1]

    assert score.mean_iou is None
    assert score.command == f"vsda evaluate {tmp_path}/r1 '/data/my shards/davis-val'"


@pytest.mark.parametrize("place", ["/s/davis-val", "/s/davis-val/"])
def test_place_that_names_the_set_is_taken_as_it_is(tmp_path, place):
    runs = runs_of(evaluation(place=place), None, folder=tmp_path)

    assert _only(runs).scores[1].command.endswith(" /s/davis-val")


def test_command_says_shards_where_no_place_is_known(tmp_path):
    runs = runs_of(evaluation(), None, folder=tmp_path)

    assert _only(runs).scores[1].command.endswith("r1 SHARDS")


def test_nothing_is_compared_with_a_first_run_that_was_not_judged(tmp_path):
    result = _only(runs_of(None, evaluation(0.2), evaluation(0.4), folder=tmp_path))

    assert [score.difference for score in result.scores] == [None, None, None]
    assert [score.best for score in result.scores] == [False, False, True]
    assert result.verdict == "C (r2) is ahead at 40.0."


def test_set_without_any_class_has_no_mean(tmp_path):
    result = _only(runs_of(evaluation(None), evaluation(None), folder=tmp_path))

    assert result.verdict == "No mean: none of the classes occurs in this set."


def test_step_is_told_once_if_all_runs_share_it(tmp_path):
    assert _only(runs_of(evaluation(), evaluation(), folder=tmp_path / "a")).step == 100
    assert _only(runs_of(evaluation(), evaluation(step=50), folder=tmp_path / "b")).step is None


def test_images_come_before_videos(tmp_path):
    run = make_run(tmp_path / "run")
    judge(run, evaluation(name="a-videos", videos={"bear": 0.5}))
    judge(run, evaluation(name="z-images"))

    assert [item.name for item in compare(runs_in([run]))] == ["z-images", "a-videos"]


def test_class_rows_have_the_share_of_the_true_pixels(tmp_path):
    rows = _only(runs_of(evaluation(0.5), evaluation(0.25), folder=tmp_path)).classes

    assert [row.name for row in rows] == ["background", "person", "dog", "cow"]
    assert [row.share for row in rows] == pytest.approx([0.7, 0.2, 0.1, 0.0])
    assert [row.points for row in rows[1:3]] == [(50.0, 25.0), (25.0, 12.5)]


def test_absent_class_has_no_bar(tmp_path):
    row = _only(runs_of(evaluation(), folder=tmp_path)).classes[3]

    assert (row.name, row.absent, row.points) == ("cow", True, (None,))


def test_video_rows_begin_with_the_worst_and_end_with_those_without_score(tmp_path):
    first = evaluation(videos={"easy": 0.9, "hard": 0.1, "none": None, "mixed": 0.2})
    other = evaluation(videos={"easy": 0.8, "hard": 0.2, "none": None, "mixed": 0.6})

    rows = _only(runs_of(first, other, folder=tmp_path)).videos

    assert [row.name for row in rows] == ["hard", "mixed", "easy", "none"]
    assert rows[0].points == pytest.approx((10.0, 20.0))
