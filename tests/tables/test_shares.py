"""The share of the gap that rows close, as cells of a coloured table."""

import pytest

from tests.tables.making import ROWS
from tests.tables.records import finish
from tests.tables.studies import TOP, finish_all, write_study
from vsda.report.text import DASH
from vsda.tables.results import MEAN, gather
from vsda.tables.shares import NO_GAP, share_of, share_tables


@pytest.fixture
def grid(tmp_path):
    made = write_study(tmp_path)
    finish_all(made)
    return made


def cells_of(table, row):
    return next(cells for look, cells in table.rows if look.name == row)


def test_rows_between_source_and_ceiling_have_a_share_in_each_world(grid):
    videos, _ = share_tables(gather(grid))
    assert videos.headings == ("dark", "grey", MEAN)
    assert [look.name for look, _ in videos.rows] == ["clustered"]
    dark, grey, _ = cells_of(videos, "clustered")
    assert (dark.text, dark.note, dark.tone, dark.strength) == ("50 %", "", "more", 25)
    assert (grey.text, grey.tone) == (NO_GAP, "")


def test_a_set_without_a_gap_is_told_so(grid):
    videos, images = share_tables(gather(grid))
    assert (videos.has_gap, images.has_gap) == (True, False)


def test_a_gap_below_its_own_noise_is_none_although_the_means_differ(grid):
    score = gather(grid).columns[2].scores["clustered"]
    assert score.share is not None
    assert share_of(gather(grid), "clustered", gather(grid).columns[2]).text == NO_GAP


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((29, 31.1), ("\N{MINUS SIGN}5 %", "", "less")),
        ((70, 72.1), ("200 %", "", "more")),
        ((29, 42), ("22 %", "within noise", "")),
    ],
)
def test_colour_tells_better_from_worse_and_from_noise(grid, points, expected):
    for cell in grid.cells:
        if (cell.world, cell.row) == ("dark", "clustered"):
            finish(cell, points[cell.seed] / 100)
    cell = share_of(gather(grid), "clustered", gather(grid).columns[0])
    assert (cell.text, cell.note, cell.tone) == expected
    assert cell.strength <= 50


def test_one_seed_has_a_share_and_nobody_says_noise(tmp_path):
    grid = write_study(tmp_path)
    for cell in grid.cells:
        if cell.judged_on and cell.seed == 0:
            finish(cell, {"plain": 0.3, "clustered": 0.4, "top": 0.5}[cell.row])
    cell = share_of(gather(grid), "clustered", gather(grid).columns[0])
    assert (cell.text, cell.note) == ("50 %", "")


def test_a_row_without_result_has_a_dash(tmp_path):
    grid = write_study(tmp_path)
    videos, _ = share_tables(gather(grid))
    assert {cell.text for cell in cells_of(videos, "clustered")} == {DASH}


def test_a_row_with_a_source_of_its_own_closes_the_gap_from_there(tmp_path):
    other = TOP + '[[rows]]\nname = "far"\nrecipe = "clustered.toml"\nagainst = "clustered"\n'
    grid = write_study(tmp_path, rows=ROWS + other)
    points = {"plain": (50, 52), "clustered": (40, 42), "far": (45, 47), "top": (50, 52)}
    finish_all(grid, {"dark": points, "grey": points})
    videos, _ = share_tables(gather(grid))
    assert [cell.text for cell in cells_of(videos, "far")] == ["50 %"] * 3
    assert "clustered" not in [look.name for look, _ in videos.rows], "it is a source"
