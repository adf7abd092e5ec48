"""Numbers of a table from the records of its cells, and how they are written."""

import csv
import io
from pathlib import Path

import pytest

from tests.tables.making import HEAD, ROWS, grid_of, write_table_file, write_worlds
from tests.tables.records import finish
from vsda.report.text import DASH
from vsda.tables.claims import Verdict
from vsda.tables.markdown import markdown
from vsda.tables.results import MEAN, gather
from vsda.tables.write import write_table

CEILING = '[[rows]]\nname = "top"\nrecipe = "small.toml"\npublished = { videos = 61.5 }\n'
CLAIMS = """
[[claims]]
says = "clustered > plain"
[[claims]]
says = "clustered closes 50 %"
origin = "us | <b>"
"""
POINTS = {"plain": (0.30, 0.34), "clustered": (0.40, 0.442), "top": (0.50, 0.56)}


@pytest.fixture
def grid(tmp_path):
    head = HEAD + 'ceiling = "top"\n'
    path = write_table_file(tmp_path, head=head, rows=ROWS + CEILING, claims=CLAIMS)
    made = grid_of(path, tmp_path / "out")
    for cell in made.cells:
        if cell.judged_on:
            value = POINTS[cell.row][cell.seed]
            finish(cell, {"videos": value, "images": 0.9})
    return made


def test_means_deviations_differences_and_shares(grid):
    column = gather(grid).columns[0]
    score = column.scores["clustered"]
    assert (score.mean, score.deviation) == (pytest.approx(42.1), pytest.approx(2.9698, abs=1e-4))
    assert score.difference.mean == pytest.approx(10.1)
    assert score.share == pytest.approx(10.1 / 21)
    assert column.scores["plain"].difference is None
    assert column.scores["top"].share == pytest.approx(1)
    assert column.classes["plain"] == {"background": pytest.approx(32)}


def test_no_gap_has_no_share(grid):
    assert gather(grid).columns[1].scores["clustered"].share is None


def test_a_gap_that_may_be_none_is_told(grid):
    videos = gather(grid).columns[0]
    assert (videos.gap.mean, videos.gap.low > 0) == (pytest.approx(21), True)
    assert "Within noise is the gap itself on images." in markdown(gather(grid))


def test_claims_are_judged_on_their_set(grid):
    found = gather(grid).judgements
    assert [(one.column, one.verdict) for one in found] == [
        ("videos", Verdict.HOLDS),
        ("videos", Verdict.NOISE),
    ]


def test_cells_that_are_missing_or_changed_do_not_count(grid):
    cells = {cell.name: cell for cell in grid.cells}
    (cells["clustered/1"].run_dir / "cell.json").unlink()
    finish(cells["plain/1"], 0.99, fingerprint="of another recipe")
    results = gather(grid)
    assert results.missing == ("plain/1", "clustered/1")
    (cells["plain/1"].run_dir / "cell.json").write_text("damaged")
    assert gather(grid).missing == ("plain/1", "clustered/1")
    assert results.columns[0].scores["clustered"].by_seed == {0: pytest.approx(40)}
    assert "2 of 6 runs are not finished: plain/1, clustered/1." in markdown(results)
    assert "| 40.0 (1) |" in markdown(results)
    assert {one.why for one in results.judgements} == {"one seed"}


def test_a_table_without_any_run_is_written(grid, tmp_path):
    for cell in grid.cells:
        (cell.run_dir / "cell.json").unlink(missing_ok=True)
    files = write_table(gather(grid), tmp_path / "empty")
    assert all(path.is_file() for path in files)


def test_several_worlds_have_a_mean_over_the_seeds_of_all(tmp_path):
    head = HEAD + write_worlds(tmp_path, "dark", "grey")
    grid = grid_of(write_table_file(tmp_path, head=head), tmp_path / "out")
    for cell in grid.cells:
        if cell.judged_on and cell.name != "grey/plain/1":
            finish(cell, 0.2 if cell.world == "dark" else 0.6)
    results = gather(grid)
    headings = [column.heading for column in results.columns]
    assert headings[:3] == ["dark videos", "dark images", "grey videos"]
    mean = next(column for column in results.columns if column.world == MEAN)
    assert mean.scores["clustered"].by_seed == {0: pytest.approx(40), 1: pytest.approx(40)}
    assert list(mean.scores["plain"].by_seed) == [0]
    judged = [one.column for one in results.judgements if one.claim.kind == "more"]
    assert judged == ["dark videos", "grey videos", f"{MEAN}, videos"]


def test_all_files_are_written_and_twice_the_same(grid, tmp_path):
    files = write_table(gather(grid), tmp_path / "one", per_class=True)
    others = write_table(gather(grid), tmp_path / "other", per_class=True)
    assert [path.name for path in files] == [
        *("table.md", "table.html", "table.csv"),
        *("claims.csv", "classes.csv", "cells.csv", "costs.csv"),
    ]
    assert [path.read_bytes() for path in files] == [path.read_bytes() for path in others]


def rows_of(path: Path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_csv_files_hold_the_numbers(grid, tmp_path):
    write_table(gather(grid), tmp_path)
    table = {(row["row"], row["set"]): row for row in rows_of(tmp_path / "table.csv")}
    assert table["clustered", "videos"]["mean"] == "42.1000"
    assert table["clustered", "videos"]["share"] == "0.4810"
    assert table["top", "videos"]["published"] == "61.5000"
    assert table["plain", "videos"]["difference"] == ""
    cells = rows_of(tmp_path / "cells.csv")
    assert len(cells) == 12
    assert cells[0]["fingerprint"] == grid.cells[1].fingerprint
    assert (cells[0]["torch"], cells[0]["mean_iou"]) == ("2.14.1", "30.0000")
    assert rows_of(tmp_path / "costs.csv")[0]["train_s"] == "12.0"
    assert rows_of(tmp_path / "claims.csv")[0]["verdict"] == "holds"


def test_markdown_and_page_show_the_same_and_escape(grid, tmp_path):
    text = markdown(gather(grid), per_class=True)
    assert f"| images and video | 42.1 ± 3.0 | {DASH} | 90.0 ± 0.0 | {DASH} |" in text
    assert "| images and video | +10.1 [+8.8, +11.4] | 48 % |" in text
    assert "us / <b> |" in text
    write_table(gather(grid), tmp_path, per_class=True)
    page = (tmp_path / "table.html").read_text()
    for shown in ("42.1 ± 3.0", "+10.1 [+8.8, +11.4]", "48 % of the gap", "published: 61.5"):
        assert shown in page
    assert "us | &lt;b&gt;" in page
    assert "<script" not in page
