"""The rows of each world, as geometry."""

import pytest

from tests.tables.making import ROWS
from tests.tables.studies import TOP, finish_all, write_study
from vsda.tables.dots import RIGHT, dot_charts
from vsda.tables.looks import LETTERS, row_looks
from vsda.tables.results import MEAN, gather


@pytest.fixture
def grid(tmp_path):
    made = write_study(tmp_path)
    finish_all(made)
    return made


def test_each_set_has_a_panel_for_each_world_and_their_mean(grid):
    charts = dot_charts(gather(grid))
    assert [chart.set_name for chart in charts] == ["videos", "images"]
    assert [panel.heading for panel in charts[0].panels] == ["dark", "grey", MEAN]


def test_worlds_of_a_set_share_an_axis_on_which_points_lie_in_order(grid):
    dark, grey, _ = dot_charts(gather(grid))[0].panels
    assert dark.ticks == grey.ticks
    assert (dark.ticks[0][0], dark.ticks[-1][0]) == (dark.left, RIGHT)
    source, clustered, top = dark.rows
    assert source.mean < clustered.mean < top.mean
    assert source.y < clustered.y < top.y
    at = {float(label): x for x, label in dark.ticks}
    assert source.mean == pytest.approx(at[30] + (at[35] - at[30]) / 5)
    assert clustered.mean - source.mean == pytest.approx(top.mean - clustered.mean, abs=0.11)


def test_runs_lie_around_their_mean_inside_of_the_deviation(grid):
    row = dot_charts(gather(grid))[0].panels[0].rows[0]
    assert row.text == "31.0 ± 1.4"
    assert row.spread[0] < min(row.runs) < row.mean < max(row.runs) < row.spread[1]


def test_lines_of_source_and_ceiling_stand_at_their_means(grid):
    dark, *_ = dot_charts(gather(grid))[0].panels
    assert [(level.label, level.x) for level in dark.levels] == [
        ("source", dark.rows[0].mean),
        ("ceiling", dark.rows[2].mean),
    ]


def test_rows_of_another_group_stand_apart(grid):
    source, clustered, top = dot_charts(gather(grid))[0].panels[0].rows
    assert top.y - clustered.y > clustered.y - source.y


def test_a_row_without_result_keeps_its_place(tmp_path):
    grid = write_study(tmp_path)
    assert dot_charts(gather(grid)) == ()
    finish_all(grid)
    for cell in grid.cells:
        if (cell.world, cell.row) == ("dark", "clustered"):
            (cell.run_dir / "cell.json").unlink()
    dark, *_ = dot_charts(gather(grid))[0].panels
    assert [row.mean is None for row in dark.rows] == [False, True, False]


def test_long_names_are_cut_and_the_ninth_row_is_a_ring(tmp_path):
    more = "".join(
        f'[[rows]]\nname = "row-with-a-very-long-name-{number}-of-six"\nrecipe = "small.toml"\n'
        for number in range(6)
    )
    grid = write_study(tmp_path, rows=ROWS + TOP + more)
    looks = row_looks(gather(grid))
    assert max(len(look.short) for look in looks) == LETTERS
    assert [look.is_hollow for look in looks] == [False] * 8 + [True]
    assert looks[8].colour == looks[0].colour
