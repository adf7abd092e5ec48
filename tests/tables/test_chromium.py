"""The page of a table in a real browser; skipped where Chromium is not installed."""

import pytest

from tests.chromium import needs_chromium
from tests.tables.making import HEAD, ROWS, grid_of, write_table_file, write_worlds
from tests.tables.records import finish
from vsda.tables.results import gather
from vsda.tables.write import write_table

pytestmark = needs_chromium
LONG = (
    '[[rows]]\nname = "top"\nrecipe = "small.toml"\nlabel = "' + "words without end " * 12 + '"\n'
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    head = HEAD + 'ceiling = "top"\n' + write_worlds(folder, "dark", "grey")
    path = write_table_file(folder, head=head, rows=ROWS + LONG)
    grid = grid_of(path, folder / "out")
    for number, cell in enumerate(grid.cells):
        finish(cell, 0.3 + number / 80)
    write_table(gather(grid), folder, per_class=True)
    return folder / "table.html"


@pytest.mark.parametrize("width_px", [400, 1280])
def test_page_never_scrolls_sideways(browser, page, width_px):
    script = """all("details").forEach((part) => { part.open = true; });
      return [innerWidth, document.documentElement.scrollWidth];"""
    assert browser.drive(page, script, size=(width_px, 800)) == [width_px, width_px]


def test_colours_follow_the_scheme(browser, page):
    script = "return getComputedStyle(document.body).backgroundColor;"
    shown = [browser.drive(page, script, scheme=scheme) for scheme in ("light", "dark")]
    assert shown == ["rgb(255, 255, 255)", "rgb(18, 22, 28)"]


def test_each_score_is_drawn_with_its_seeds(browser, page):
    script = """return ["#scores svg", "#scores circle", "#overview svg", "#overview .run"].map(
      (what) => all(what).length);"""
    assert browser.drive(page, script) == [18, 36, 6, 36]
