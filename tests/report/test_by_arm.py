"""Bars, videos and further measures, arm by arm."""

import pytest

from tests.report.make_runs import CLUSTERED, evaluation, judge, make_run, runs_in
from vsda.report.arms import arms
from vsda.report.by_arm import MOST_VIDEOS, arm_videos, class_bars, mean_range
from vsda.report.compare import compare
from vsda.report.measures import measures
from vsda.report.text import DASH

NOTHING = (DASH, "")
BOUNDS = {"interval": [0.1, 0.5], "iou_interval": {"person": [0.2, 0.4], "dog": None}}


def _two_by_two(folder, *scores):
    """Two arms of two seeds, seed by seed, judged as told."""
    folders = [
        make_run(folder / f"{name}-seed{seed}", recipe | {"seed": seed})
        for seed in range(2)
        for name, recipe in (("plain", {}), ("clustered", CLUSTERED))
    ]
    for run, found in zip(folders, scores, strict=True):
        for one in found if isinstance(found, list) else [found]:
            judge(run, one)
    runs = runs_in(folders)
    results = compare(runs)
    return runs, results, arms(runs, results)


def test_bar_is_the_mean_of_an_arm_with_its_runs_and_the_mean_of_their_bounds(tmp_path):
    later = BOUNDS | {"iou_interval": {"person": [0.4, 0.8]}}
    _, (result,), found = _two_by_two(
        tmp_path,
        evaluation(0.3, **BOUNDS),
        evaluation(0.5),
        evaluation(0.5, **later),
        evaluation(0.7, **BOUNDS),
    )

    rows = {row.name: row for row in class_bars(result, found)}

    plain, clustered = rows["person"].bars
    assert (plain.mean, plain.runs) == (pytest.approx(40.0), (30.0, 50.0))
    assert plain.range == pytest.approx((30.0, 60.0))
    assert clustered.range is None  # one of its runs has none
    assert rows["cow"].absent
    assert found[0].scores[0].range == pytest.approx((10.0, 50.0))


def test_bar_of_a_single_run_has_no_dots(tmp_path):
    runs = runs_in([judge(make_run(tmp_path / "run"), evaluation(0.3, **BOUNDS))])
    results = compare(runs)

    rows = class_bars(results[0], arms(runs, results))

    assert (rows[1].bars[0].runs, rows[1].bars[0].range) == ((), (20.0, 40.0))


def test_mean_range_needs_all_bounds():
    assert mean_range([(1.0, 2.0), (3.0, 6.0)]) == (2.0, 4.0)
    assert mean_range([(1.0, 2.0), None]) is None
    assert mean_range([]) is None


def test_videos_have_the_means_of_each_arm_and_the_difference_to_the_first(tmp_path):
    _, (result,), found = _two_by_two(
        tmp_path,
        evaluation(videos={"bear": 0.2, "camel": 0.5}),
        evaluation(videos={"bear": 0.6}),
        evaluation(videos={"bear": 0.4, "camel": 0.7}),
        evaluation(videos={"bear": 0.8}),
    )

    bear, camel = arm_videos(result, found).rows

    assert bear.means == pytest.approx((30.0, 70.0))
    assert bear.differences == (None, pytest.approx(40.0))
    assert (camel.means, camel.differences) == ((pytest.approx(60.0), None), (None, None))


def test_of_many_videos_the_hardest_are_listed_and_the_others_counted(tmp_path):
    videos = {f"v{number:04}": number / 1000 for number in range(MOST_VIDEOS + 5)}
    runs = runs_in([judge(make_run(tmp_path / "run"), evaluation(videos=videos))])
    results = compare(runs)

    found = arm_videos(results[0], arms(runs, results))

    assert [row.name for row in found.rows] == list(videos)[:MOST_VIDEOS]
    assert found.num_left_out == 5


def _measures(folder, *scores):
    runs, results, found = _two_by_two(folder, *scores)
    result = next(one for one in results if one.name == "davis-val")
    return {row.name: row.cells for row in measures(result, results, runs, found).rows}


def test_measures_are_means_over_the_runs_of_an_arm(tmp_path):
    def judged(value):
        return evaluation(
            davis={"j_and_f": value, "j_mean": value, "f_mean": None},
            stability={"flicker": value},
            attributes={"dark": {"num_videos": 2, "mean_iou": value, "interval": [0.1, value]}},
        )

    rows = _measures(tmp_path, judged(0.2), evaluation(), judged(0.4), evaluation())

    assert rows == {
        "J & F": (("30.0", ""), NOTHING),
        "J": (("30.0", ""), NOTHING),
        "Flicker": (("30.0", ""), NOTHING),
        "Mean IoU, dark": (("30.0", "95 %: 10.0 to 30.0"), NOTHING),
    }


def test_gap_is_over_the_classes_that_images_and_videos_share(tmp_path):
    images = evaluation(name="coco-val", iou={"background": 0.9, "person": 0.7, "cow": 0.1})
    videos = evaluation(videos={"bear": 0.5}, iou={"background": 0.8, "person": 0.2, "dog": 0.9})

    rows = _measures(tmp_path, [images, videos], videos, [images, videos], videos)

    assert rows == {"Gap to coco-val": (("+30.0", "80.0 on images, 50.0 here"), NOTHING)}


def test_sets_of_images_have_no_gap(tmp_path):
    runs, results, found = _two_by_two(
        tmp_path, *[[evaluation(), evaluation(name="other")] for _ in range(4)]
    )
    assert measures(results[0], results, runs, found).rows == ()
