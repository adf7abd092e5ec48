"""Rows of metrics.jsonl survive a kill, and what is damaged is left out."""

import pytest

from vsda.training.metrics_log import METRICS_FILE, MetricsLog, read_metrics


def write(run_dir, *steps, start_step=0):
    with MetricsLog(run_dir, start_step) as log:
        for step in steps:
            log.write(step, {"loss": step / 10})


def steps(run_dir):
    return [row["step"] for row in read_metrics(run_dir)]


def test_rows_are_read_as_they_were_written(tmp_path):
    write(tmp_path, 1, 2)
    assert read_metrics(tmp_path) == [{"step": 1, "loss": 0.1}, {"step": 2, "loss": 0.2}]


def test_resumed_run_drops_the_rows_it_will_write_again(tmp_path):
    write(tmp_path, 1, 2, 3, 4)
    write(tmp_path, 3, start_step=2)
    assert steps(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("damage", [b"\x00\x00\n", b"{}\n", b"7\n", b'{"step": 3, "lo'])
def test_what_follows_a_damaged_row_is_not_trusted(tmp_path, damage, caplog):
    write(tmp_path, 1, 2)
    path = tmp_path / METRICS_FILE
    path.write_bytes(path.read_bytes() + damage + b'{"step": 4}\n')
    assert steps(tmp_path) == [1, 2]
    assert "damaged after 2 rows" in caplog.text


def test_a_folder_without_rows_has_none(tmp_path):
    assert read_metrics(tmp_path) == []
