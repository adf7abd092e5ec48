"""How far apart the domains are in the runs of a table, beside their scores."""

import pytest

from tests.report.make_runs import make_run
from tests.report.test_gaps import measure
from tests.tables.studies import finish_all, write_study
from vsda.tables.distances import distances
from vsda.tables.page import render_page
from vsda.tables.results import gather


@pytest.fixture
def cells(tmp_path):
    """A study's cells by name, of which nothing was measured; the grid is under None."""
    grid = write_study(tmp_path)
    finish_all(grid)
    return {None: grid} | {cell.name: cell for cell in grid.cells}


def test_each_measured_run_is_a_dot_at_each_tap(cells):
    for name in ("dark/plain/0", "dark/clustered/1"):
        measure(make_run(cells[name].run_dir))
    found = distances(gather(cells[None]))
    (dark,) = found.worlds
    assert (dark.world, dark.sets, found.damage) == ("dark", ("coco-val", "davis-val"), ())
    assert [look.name for look in dark.rows] == ["plain", "clustered"]
    assert [plot.tap for plot in dark.plots] == ["patch", "stage1"]
    plain, clustered = dark.plots[0].points
    assert plain.text == "plain: distance 0.40, mean IoU 30.0"
    assert plain.y > clustered.y, "42 points lie above 30"
    at = {label: x for x, label in dark.plots[0].x_ticks}
    assert at["0"] < plain.ends[0] < plain.x < at["0.5"]
    assert plain.x < dark.plots[1].points[0].x, "0.4 and 0.61 of the same axis"


def test_what_a_run_started_from_is_not_taken_for_it(cells):
    run = measure(make_run(cells["dark/plain/0"].run_dir))
    text = (run / "gap" / "gap.json").read_text()
    (run / "gap" / "gap.json").write_text(text.replace('"seed-0"', '"seed-0-start"'))
    (told,) = distances(gather(cells[None])).damage
    assert told.endswith("is not about the run seed-0; run `vsda gap` again")


def test_a_run_measured_beside_others_of_the_same_name_is_found(cells):
    for name in ("dark/plain/0", "dark/clustered/0"):
        run = measure(make_run(cells[name].run_dir))
        text = (run / "gap" / "gap.json").read_text()
        row = name.split("/")[1]
        (run / "gap" / "gap.json").write_text(text.replace('"seed-0"', f'"{row}/seed-0"'))
    found = distances(gather(cells[None]))
    assert found.damage == ()
    assert [look.name for look in found.worlds[0].rows] == ["plain", "clustered"]


def test_a_damaged_file_is_told_on_the_page_and_the_others_are_drawn(cells):
    measure(make_run(cells["dark/plain/0"].run_dir))
    run = measure(make_run(cells["grey/plain/0"].run_dir))
    (run / "gap" / "gap.json").write_text("{")
    results = gather(cells[None])
    assert [one.world for one in distances(results).worlds] == ["dark"]
    page = render_page(results).decode()
    assert "Cannot be read, left out:" in page
    assert "dark: coco-val against davis-val" in page


def test_without_any_the_page_says_which_command_measures(cells):
    results = gather(cells[None])
    assert distances(results).worlds == ()
    assert "vsda gap RUN IMAGES VIDEOS" in render_page(results).decode()
