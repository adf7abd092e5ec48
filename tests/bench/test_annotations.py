import json

import pytest
from typer.testing import CliRunner

from vsda.bench.annotations import measure, write_table
from vsda.cli.bench import bench_app
from vsda.datasets.youtube_bb.annotations import read_annotations
from vsda.taxonomy import ytbb_class_set


def test_the_made_up_table_is_sound_and_like_the_real_one(tmp_path):
    write_table(tmp_path / "a.csv", 20_000)
    found = read_annotations(tmp_path / "a.csv", ytbb_class_set("all"))
    assert (found.num_rows, found.num_bad) == (20_000, 0)
    assert found.num_rows / len(found.youtube_ids) == pytest.approx(5.6e6 / 210e3, rel=0.1)
    assert found.num_rows / found.num_segments == pytest.approx(5.6e6 / 380e3, rel=0.1)


def test_the_same_arguments_make_the_same_table(tmp_path):
    for name in ("a", "b"):
        write_table(tmp_path / name, 500)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_reader_reads_all_rows_that_it_is_given():
    ours, array, dicts = measure(20_000)
    assert [row.num_rows for row in (ours, array, dicts)] == [20_000, 20_000, 2_000]
    assert [row.is_scaled for row in (ours, array, dicts)] == [False, False, True]
    for row in (ours, array, dicts):
        assert row.seconds > 0
        assert row.peak_mb > 10


def test_the_command_prints_a_table_or_json():
    command = ["annotations", "--rows", "2000"]
    table = CliRunner().invoke(bench_app, command)
    assert table.exit_code == 0
    head, ours, *_, note = table.stdout.splitlines()
    assert head.split() == ["reader", "seconds", "million", "rows/s", "peak", "MB", "gives"]
    assert ours.startswith("vsda")
    assert note == "* measured on a tenth of the rows, times ten"
    rows = json.loads(CliRunner().invoke(bench_app, [*command, "--json"]).stdout)
    assert [row["reader"] for row in rows] == ["vsda", "numpy.loadtxt", "csv.DictReader"]


@pytest.mark.slow
def test_the_whole_table_is_listed_in_half_a_minute_and_a_gigabyte():
    ours = measure()[0]
    assert ours.num_rows == 5_600_000
    assert ours.seconds < 30
    assert ours.peak_mb < 1000
