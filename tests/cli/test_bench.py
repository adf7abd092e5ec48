import json

from typer.testing import CliRunner

from vsda.cli.bench import bench_app

SMALL = ("decode", "--seconds", "0.2", "--width", "64", "--height", "48")


def test_decoders_stand_in_a_table_below_each_other():
    result = CliRunner().invoke(bench_app, SMALL)
    assert result.exit_code == 0, result.output
    head, *rows, note = result.stdout.splitlines()
    assert head.split() == ["decoder", "frames/s", "of", "fastest", "peak", "MiB", "note"]
    assert any(row.startswith("vsda") for row in rows)
    assert any("100%" in row for row in rows)
    assert note == "6 frames of 64x48 pixels"


def test_json_holds_the_numbers_of_each_decoder():
    found = json.loads(CliRunner().invoke(bench_app, [*SMALL, "--json"]).stdout)
    assert (found["num_frames"], found["width_px"], found["height_px"]) == (6, 64, 48)
    assert {"name", "frames_per_s", "share_of_fastest", "peak_mib", "note"} == {*found["rows"][0]}
