"""What the rows of each world predicted, on the page of a table."""

import re

import pytest

from tests.tables.studies import BEAR, CAMEL, finish_all, keep_predictions, write_study
from vsda.tables.frames import world_frames
from vsda.tables.page import render_page
from vsda.tables.results import gather


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A study whose runs of seed 1 in the dark world keep predictions, all but the ceiling's."""
    folder = tmp_path_factory.mktemp("kept")
    grid = write_study(folder)
    finish_all(grid)
    for cell in grid.cells:  # the commonest seed in the dark world is 1 then
        if (cell.world, cell.row, cell.seed) == ("dark", "top", 0):
            (cell.run_dir / "cell.json").unlink()
    chosen = [cell for cell in grid.cells if (cell.world, cell.seed) == ("dark", 1)]
    keep_predictions(folder, [cell for cell in chosen if cell.row in ("plain", "clustered")])
    return grid


def test_a_world_shows_frames_with_one_seed_of_each_row_that_kept_some(kept):
    (dark,) = world_frames(gather(kept), 2)
    assert (dark.world, dark.seed) == ("dark", 1)
    assert [look.name for look in dark.rows] == ["plain", "clustered"]
    assert [row.key for row in dark.gallery.rows] == [BEAR, CAMEL]
    assert all(len(row.predictions) == 2 for row in dark.gallery.rows)
    assert dark.gallery.rows[0].right == (1.0, 1.0)


def test_page_shows_frame_truth_and_predictions_and_loads_nothing(kept):
    page = render_page(gather(kept)).decode()
    part = page[page.index('id="pictures"') : page.index('id="distances"')]
    assert part.count('<figure class="cell">') == 2 * (1 + 1 + 2)
    assert f"ground truth for {BEAR}" in part
    assert set(re.findall(r"(?:src=\"|url\()(\w+:)", page)) == {"data:"}


def test_a_page_that_would_be_too_large_shows_fewer_frames(kept):
    results = gather(kept)
    whole = render_page(results)
    fewer = render_page(results, max_bytes=len(whole) - 1)
    assert fewer.decode().count('<figure class="cell">') == 4
    assert "Some are left out to keep this page small." in fewer.decode()
    none = render_page(results, max_bytes=1)
    assert b'<figure class="cell">' not in none
    assert b"All frames are left out" in none


def test_without_predictions_the_page_says_how_to_keep_some(tmp_path):
    grid = write_study(tmp_path)
    finish_all(grid)
    assert world_frames(gather(grid), 2) == ()
    assert b"--pictures 8" in render_page(gather(grid))
