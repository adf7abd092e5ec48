import json

import pytest
import typer
from typer.testing import CliRunner

from tests.report.make_runs import evaluation, judge, make_run
from vsda.cli.report import report
from vsda.errors import RunError, UsageError


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(report)

    def run(*arguments):
        return CliRunner().invoke(app, [str(word) for word in arguments], catch_exceptions=False)

    return run


def test_command_prints_the_page_it_wrote(command, tmp_path):
    out = tmp_path / "page.html"

    result = command(make_run(tmp_path / "run"), "--out", out, "--title", "Hello")

    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"report: {out}")
    assert "<h1>Hello</h1>" in out.read_text()


def test_command_tells_on_stderr_what_is_missing(command, tmp_path):
    result = command(make_run(tmp_path / "run"), "--out", tmp_path / "page.html")

    assert "left out: A: no evaluation" in result.stderr


def test_command_prints_the_table_of_the_runs(command, tmp_path):
    runs = [make_run(tmp_path / "plain"), make_run(tmp_path / "other", {"steps": 7})]
    judge(runs[0], evaluation(0.2))
    judge(runs[1], evaluation(0.316))

    lines = command(*runs, "--out", tmp_path / "page.html").stdout.splitlines()

    assert [line.split() for line in lines[1:3]] == [
        ["plain", "20.0", "\N{EN DASH}"],
        ["other", "31.6", "+11.6"],
    ]
    assert "seeds" not in " ".join(lines)


def test_command_prints_mean_and_deviation_of_repeated_runs(command, tmp_path):
    runs = [make_run(tmp_path / f"plain-seed{seed}", {"seed": seed}) for seed in range(2)]
    judge(runs[0], evaluation(0.2))
    judge(runs[1], evaluation(0.3))

    output = command(*runs, "--out", tmp_path / "page.html").stdout

    assert "mean and deviation over seeds" in output
    assert ["plain", "25.0", "±", "7.1", "\N{EN DASH}"] in [
        line.split() for line in output.splitlines()
    ]


def test_command_prints_json_when_asked(command, tmp_path):
    run = judge(make_run(tmp_path / "run"), evaluation())
    out = tmp_path / "page.html"

    written = json.loads(command(run, "--out", out, "--json").stdout)

    assert written == {
        "path": str(out),
        "size_bytes": out.stat().st_size,
        "runs": [["A", "run"]],
        "missing": [],
        "damage": [],
        "left_out": [],
    }


def test_command_refuses_a_folder_as_page(command, tmp_path):
    with pytest.raises(UsageError, match=r"is a folder; name a file, such as .*/report\.html"):
        command(make_run(tmp_path / "run"), "--out", tmp_path)


def test_command_passes_on_what_is_wrong_with_a_run(command, tmp_path):
    with pytest.raises(RunError, match=r"recipe\.json, provenance\.json, metrics\.jsonl missing"):
        command(tmp_path, "--out", tmp_path / "page.html")


def test_command_needs_a_run(command):
    assert command().exit_code == 2


def test_command_ends_with_3_where_a_part_cannot_be_read(command, tmp_path):
    run = judge(make_run(tmp_path / "run"), evaluation())
    (run / "evaluation" / "other.json").write_text("{")

    result = command(run, tmp_path / "gone", "--out", tmp_path / "page.html")

    assert result.exit_code == 3
    assert "left out: " + str(tmp_path / "gone") in result.stderr
    assert "other.json: not JSON" in result.stderr
    assert result.stdout.splitlines()[-1] == f"report: {tmp_path / 'page.html'}"
