import math
import re

import pytest

from tests.report.make_runs import make_run, runs_in
from vsda.report.curves import BOTTOM, LEFT, MAX_POINTS, RIGHT, TOP, charts, nice_ticks

NUMBER = re.compile(r"-?\d+\.\d")


def _charts(folder, *logs, recipe=None):
    folders = [make_run(folder / f"r{n}", recipe, log=log) for n, log in enumerate(logs)]
    return {chart.name: chart for chart in charts(runs_in(folders))}


def _points(path):
    numbers = [float(word) for word in NUMBER.findall(path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _rows(name, values):
    return [{"step": step, name: value} for step, value in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 3000, [0, 1000, 2000, 3000]),
        (0, 2.7, [0, 1, 2, 3]),
        (0, 0.0005, [0, 0.0001, 0.0002, 0.0003, 0.0004, 0.0005]),
        (-0.3, 0.9, [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_ticks_are_round_and_span_the_range(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_accuracy_of_one_half_lies_in_the_middle(tmp_path):
    rows = [{"step": 0, "accuracy_source": 0.0}, {"step": 100, "accuracy_source": 1.0}]
    chart = _charts(tmp_path, [*rows, {"step": 50, "accuracy_source": 0.5}])["accuracy_source"]

    middle = ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
    assert _points(chart.lines[0].path) == [(LEFT, BOTTOM), middle, (RIGHT, TOP)]
    assert (chart.reference.y, chart.reference.label) == ((TOP + BOTTOM) / 2, "chance")


def test_adversarial_loss_has_the_ln_2_line_in_scale(tmp_path):
    chart = _charts(tmp_path, _rows("loss_adversarial", [0.0, 1.0]))["loss_adversarial"]

    assert chart.reference.y == pytest.approx(BOTTOM - math.log(2) * (BOTTOM - TOP), abs=0.06)
    assert chart.reference.label == "ln 2: guessing"


def test_ln_2_line_stays_inside_the_chart(tmp_path):
    chart = _charts(tmp_path, _rows("loss_adversarial", [0.1, 0.2]))["loss_adversarial"]

    assert TOP <= chart.reference.y <= BOTTOM


def test_summed_adversarial_loss_has_no_ln_2_line(tmp_path):
    rows = _rows("loss_adversarial", [300.0, 200.0])
    found = _charts(tmp_path, rows, recipe={"adversarial": {"reduction": "sum"}})

    assert found["loss_adversarial"].reference is None


@pytest.mark.parametrize("name", ["loss", "loss_segmentation", "images_per_s"])
def test_other_quantities_have_no_chance_level(tmp_path, name):
    assert _charts(tmp_path, _rows(name, [1.0, 2.0]))[name].reference is None


def test_label_of_the_line_goes_below_curves_that_begin_above(tmp_path):
    above = _charts(tmp_path / "a", _rows("accuracy_source", [0.6, 0.6]))["accuracy_source"]
    below = _charts(tmp_path / "b", _rows("accuracy_source", [0.4, 0.4]))["accuracy_source"]

    assert above.reference.label_y > above.reference.y
    assert below.reference.label_y < below.reference.y


def test_losses_and_accuracies_come_first_then_the_rest_by_name(tmp_path):
    row = {"step": 1, "zebra": 1, "loss": 1, "accuracy_target": 1, "loss_segmentation": 1}

    found = _charts(tmp_path, [row])

    assert list(found) == ["loss_segmentation", "accuracy_target", "loss", "zebra"]
    assert [chart.is_main for chart in found.values()] == [True, True, False, False]


def test_runs_that_logged_nothing_of_the_kind_are_named(tmp_path):
    found = _charts(tmp_path, _rows("loss", [1.0]), _rows("loss_adversarial", [0.7]), None)

    chart = found["loss_adversarial"]
    assert [(line.run, line.letter) for line in chart.lines] == [(1, "B")]
    assert chart.silent == ("A", "C")


def test_short_log_is_drawn_point_by_point(tmp_path):
    line = _charts(tmp_path, _rows("loss", [1.0, 2.0, 4.0]))["loss"].lines[0]

    assert len(_points(line.path)) == 3
    assert (line.band, line.last) == ("", "4")


def test_long_log_is_drawn_as_means_inside_the_span(tmp_path):
    values = [step % 2 for step in range(10 * MAX_POINTS)]
    line = _charts(tmp_path, _rows("loss", values))["loss"].lines[0]

    means = _points(line.path)
    assert len(means) == MAX_POINTS
    assert {y for _, y in means} == {(TOP + BOTTOM) / 2}
    assert {y for _, y in _points(line.band)} == {TOP, BOTTOM}


def test_values_that_are_not_finite_are_left_out_and_counted(tmp_path):
    rows = _rows("loss", [1.0, math.inf, math.nan, 2.0])

    line = _charts(tmp_path, rows)["loss"].lines[0]

    assert (len(_points(line.path)), line.num_left_out, line.last) == (2, 2, "2")


def test_rows_without_a_number_leave_a_line_between_those_that_have_it(tmp_path):
    """The network is judged less often than rows are logged."""
    rows = [{"step": step, "loss": 1.0} for step in range(1, 11)]
    rows[4]["validation_miou"], rows[9]["validation_miou"] = 0.2, 0.4

    line = _charts(tmp_path, rows)["validation_miou"].lines[0]

    assert (len(_points(line.path)), line.num_left_out) == (2, 0)


def test_mean_iou_is_drawn_in_points_and_memory_in_gib(tmp_path):
    found = _charts(tmp_path, [{"step": 1, "train_miou": 0.351, "memory_bytes": 3 * 2**29}])

    assert found["train_miou"].lines[0].last == "35.1"
    assert found["train_miou"].y_ticks[-1][1] == "40"
    assert (found["memory_bytes"].title, found["memory_bytes"].lines[0].last) == (
        "Peak memory, GiB",
        "1.5",
    )


def test_classes_of_the_validation_are_named_and_drawn_in_points(tmp_path):
    chart = _charts(tmp_path, [{"step": 1, "validation_iou_dog": 0.25}])["validation_iou_dog"]

    assert chart.title == "IoU of dog on the validation sets, points"
    assert chart.lines[0].last == "25"
    assert not chart.is_main


def test_waiting_for_data_is_a_share_of_all_time(tmp_path):
    chart = _charts(tmp_path, _rows("data_wait", [0.1, 0.1]))["data_wait"]

    assert [label for _, label in chart.y_ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert chart.is_main


def test_clusters_are_in_the_order_of_their_numbers(tmp_path):
    row = {f"cluster_source_share_{number}": 0.5 for number in (10, 2, 1)}

    found = _charts(tmp_path, [{"step": 1} | row])

    assert [chart.title for chart in found.values()] == [
        "Cluster 1: share of image tokens",
        "Cluster 2: share of image tokens",
        "Cluster 10: share of image tokens",
    ]


def test_numbers_of_the_machine_come_before_those_without_a_title(tmp_path):
    row = {"step": 1, "accuracy": 1, "memory_bytes": 1, "gradient_ratio": 1, "step_ms": 1}

    assert list(_charts(tmp_path, [row])) == [
        "gradient_ratio",
        "step_ms",
        "memory_bytes",
        "accuracy",
    ]


def test_constant_zero_still_has_an_axis(tmp_path):
    chart = _charts(tmp_path, _rows("loss", [0.0, 0.0]))["loss"]

    assert {y for _, y in _points(chart.lines[0].path)} == {BOTTOM}


def test_negative_values_stay_inside_the_chart(tmp_path):
    line = _charts(tmp_path, _rows("loss", [-2.0, 1.0]))["loss"].lines[0]

    assert all(TOP <= y <= BOTTOM for _, y in _points(line.path))


def test_no_log_gives_no_chart(tmp_path):
    assert _charts(tmp_path, None, []) == {}
