import json

import pytest
from typer.testing import CliRunner

from tests.fetch.test_ledger import video
from tests.shards.frames import frame, make_set
from vsda.cli.ledger import ledger_app
from vsda.errors import Outcome, ShardError
from vsda.fetch.ledger import read_ledger, write_ledger
from vsda.fetch.rows import dump_rows


def run(*arguments):
    result = CliRunner().invoke(ledger_app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_report_of_a_set_becomes_a_ledger(tmp_path):
    make_set(tmp_path, [[frame(0)]], name="ytbb-train")
    rows = [video("b", Outcome.GONE), video("a")]
    (tmp_path / "ytbb-train.report.jsonl").write_bytes(dump_rows(rows))
    out = tmp_path / "out.tsv"
    assert run("export", tmp_path, "--out", out) == f"{out}\n"
    found = read_ledger(out)
    assert (found.set_name, found.split) == ("ytbb-train", "train")
    assert [row.youtube_id[0] for row in found.rows] == ["a", "b"]


def test_a_set_without_videos_has_no_ledger(tmp_path):
    make_set(tmp_path, [[frame(0)]])
    with pytest.raises(ShardError, match=r"report\.jsonl: not there; only sets that 'vsda fetch'"):
        run("export", tmp_path, "--out", tmp_path / "out.tsv")
    (tmp_path / "davis-train.report.jsonl").write_text("")
    with pytest.raises(ShardError, match="holds no videos; only sets made from videos"):
        run("export", tmp_path, "--out", tmp_path / "out.tsv")


@pytest.fixture
def two(tmp_path):
    ok, gone = Outcome.OK, Outcome.GONE
    for name, outcomes in (
        ("a.tsv", {"a": ok, "b": ok, "c": ok, "d": ok, "e": ok, "f": gone, "g": ok}),
        ("b.tsv", {"a": ok, "b": gone, "c": gone, "d": gone, "e": gone, "f": ok, "h": ok}),
    ):
        rows = [video(letter, outcome) for letter, outcome in outcomes.items()]
        write_ledger(tmp_path / name, rows, set_name="s", split="train")
    return tmp_path / "a.tsv", tmp_path / "b.tsv"


def test_changes_are_counted_by_outcome_with_examples(two):
    lines = [line.split() for line in run("compare", *two).splitlines()]
    assert lines == [
        ["what", "before", "after", "videos", "such", "as"],
        ["newly", "gone", "ok", "gone", "4", "bbbbbbbbbbb,", "ccccccccccc,", "ddddddddddd,", "..."],
        ["come", "back", "gone", "ok", "1", "fffffffffff"],
        ["only", "in", "A", "1", "ggggggggggg"],
        ["only", "in", "B", "1", "hhhhhhhhhhh"],
        ["same", "1"],
    ]


def test_json_has_every_id(two):
    found = json.loads(run("compare", *two, "--json"))
    assert [row["youtube_id"][0] for row in found["newly_gone"]] == ["b", "c", "d", "e"]
    assert found["come_back"] == [{"youtube_id": "f" * 11, "before": "gone", "after": "ok"}]
    assert found["only_in_first"] == ["g" * 11]
