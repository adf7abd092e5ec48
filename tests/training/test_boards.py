"""TensorBoard gets all numbers and pictures, with the level of chance; its trouble ends no run."""

import json
import math

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from vsda.training.metrics_log import MetricsLog, read_metrics

ROW = {"loss": 2.0, "loss_adversarial": 0.7, "accuracy_source": 0.6}
SUMMED = {"adversarial": {"reduction": "sum"}}


def pixels(value=0):
    return np.full((8, 12, 3), value, dtype=np.uint8)


def write(run_dir, *steps, start_step=0, row=ROW, facts=None):
    with MetricsLog(run_dir, start_step, facts=facts) as log:
        for step in steps:
            log.write(step, row)
            log.picture(step, "images", pixels(step % 256))


def board(run_dir):
    found = EventAccumulator(str(run_dir / "tensorboard"))
    found.Reload()
    return found


def scalars(run_dir, name):
    return [(event.step, pytest.approx(event.value)) for event in board(run_dir).Scalars(name)]


def test_tensorboard_has_every_number(tmp_path):
    write(tmp_path, 10, 20)
    assert scalars(tmp_path, "loss") == [(10, 2.0), (20, 2.0)]
    assert scalars(tmp_path, "accuracy_source") == [(10, 0.6), (20, 0.6)]


def test_tensorboard_has_the_levels_of_chance_beside_the_discriminators_numbers(tmp_path):
    write(tmp_path, 10)
    assert scalars(tmp_path, "chance/loss_adversarial") == [(10, math.log(2))]
    assert scalars(tmp_path, "chance/accuracy") == [(10, 0.5)]


def test_a_summed_loss_has_no_level_of_chance(tmp_path):
    write(tmp_path, 10, facts=SUMMED)
    assert "chance/loss_adversarial" not in board(tmp_path).Tags()["scalars"]
    assert scalars(tmp_path, "chance/accuracy") == [(10, 0.5)]


def test_a_run_without_a_discriminator_has_no_level_of_chance(tmp_path):
    write(tmp_path, 10, row={"loss": 1.0})
    assert board(tmp_path).Tags()["scalars"] == ["loss"]


def test_tensorboard_draws_the_adversarial_loss_and_chance_in_one_chart(tmp_path):
    write(tmp_path, 10)
    tensor = board(tmp_path).Tensors("custom_scalars__config__")[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert charts["loss, and a guess"] == ["^loss_adversarial$", "^chance/loss_adversarial$"]
    assert charts["accuracies, and a guess"] == ["^accuracy_.*$", "^chance/accuracy$"]


def test_a_picture_is_a_png_of_the_run_folder_and_on_tensorboard(tmp_path):
    write(tmp_path, 7)
    with Image.open(tmp_path / "panels" / "images-000007.png") as kept:
        np.testing.assert_array_equal(np.asarray(kept), pixels(7))
    shown = board(tmp_path).Images("panels/images")
    assert [(event.step, event.width, event.height) for event in shown] == [(7, 12, 8)]


def test_a_resumed_run_drops_the_pictures_it_will_draw_again(tmp_path):
    write(tmp_path, 10, 1_234_567)
    write(tmp_path, start_step=10)
    assert [path.name for path in (tmp_path / "panels").iterdir()] == ["images-000010.png"]


def test_a_board_that_cannot_open_is_told_once_and_the_run_goes_on(tmp_path, caplog):
    (tmp_path / "tensorboard").write_bytes(b"a file where the folder should be")
    write(tmp_path, 1, 2, 3)
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2, 3]
    assert len(list((tmp_path / "panels").iterdir())) == 3
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("TensorBoard: gets nothing more from this run: FileExistsError: ")


def test_a_board_that_fails_on_the_way_is_told_once_and_the_run_goes_on(tmp_path, caplog):
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, ROW)
        log.write(2, {"loss": "no number"})
        log.write(3, ROW)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert len(caplog.records) == 1


def test_a_row_is_in_the_file_before_any_board_has_it(tmp_path):
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, ROW)
        assert read_metrics(tmp_path) == [{"step": 1, **ROW}]
