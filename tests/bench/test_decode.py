"""The decode benchmark gives plausible numbers; how large they are is no test."""

import importlib.util

import pytest

from vsda.bench.decode import measure


@pytest.fixture(scope="module")
def bench():
    return measure(seconds=0.5, size=(320, 240))


def test_the_file_is_told(bench):
    assert (bench.num_frames, bench.width_px, bench.height_px) == (15, 320, 240)


def test_every_installed_decoder_has_a_row(bench):
    names = {row.name for row in bench.rows}
    assert {"PyAV", "vsda, PyAV"} <= names
    assert ("decord" in names) == (importlib.util.find_spec("decord") is not None)


def test_the_fastest_has_the_share_one(bench):
    rows = [row for row in bench.rows if row.frames_per_s is not None]
    assert max(row.share_of_fastest for row in rows) == 1
    assert all(0 < row.share_of_fastest <= 1 for row in rows)
    assert max(rows, key=lambda row: row.frames_per_s).share_of_fastest == 1


def test_peak_memory_is_that_of_a_process_with_a_decoder(bench):
    rows = [row for row in bench.rows if row.peak_mib is not None]
    assert rows
    assert all(20 < row.peak_mib < 2000 for row in rows)
