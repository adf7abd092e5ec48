"""The page that settles regions; what needs a browser is skipped where there is no Chromium."""

import html
import json
import re

import numpy as np
import pytest

from tests.chromium import needs_chromium, run_script
from tests.pages.conftest import HOSTILE
from vsda.errors import DatasetError
from vsda.pages.review import RegionRow, RegionView, write_review

CLASSES = ("person", "dog", "car", "cat")
ROWS = [
    ("train", "cars1", "1", "car", "car", "name"),
    ("train", "cars1", "2", "car", "car", "name"),
    ("train", "ducks01", "*", "duck", "-", "name"),
    ("test", "elsewhere", "*", "dog", "dog", "unsure"),
    ("test", "people1", "*", "person", "person", "seen"),
]
_KEPT_MS = 1000
"""The browser takes a moment to tell its storage, which another process of it reads again."""
HEADER = ("Regions of FBMS-59.", "", "Written by hand.")


def row(*cells):
    names = ("split", "sequence", "region", "category", "class_name", "certainty")
    return RegionRow(**dict(zip(names, cells, strict=True)))


def view(split, sequence, region, category, class_name, certainty, num_regions=2):
    picture = np.random.default_rng(region).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    mask = np.zeros((90, 120), dtype=bool)
    mask[20 : 40 + 5 * region, 30:70] = True
    return RegionView(
        sequence=sequence,
        split=split,
        region=region,
        num_regions=num_regions,
        category=category,
        class_name=class_name,
        certainty=certainty,
        picture=picture,
        mask=mask,
        frame=f"{sequence}_01",
    )


VIEWS = [
    view("train", "cars1", 1, "car", "car", "name"),
    view("train", "cars1", 2, "car", "car", "name"),
    view("train", "ducks01", 1, "duck", "-", "name", 3),
    view("train", "ducks01", 2, "duck", "-", "name", 3),
    view("train", "ducks01", 3, "duck", "-", "name", 3),
    view("test", "people1", 1, "person", "person", "seen", 1),
]


def write(folder, views=VIEWS, rows=ROWS, **options):
    table = [row(*cells) for cells in rows]
    values = {"classes": CLASSES, "title": "FBMS-59: settle the regions", "header": HEADER}
    return write_review(folder / "review.html", iter(views), table, **values | options)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    write(folder)
    return folder / "review.html"


def tsv(*rows):
    head = ["# Regions of FBMS-59.", "#", "# Written by hand."]
    columns = "split\tsequence\tregion\tcategory\tclass\tcertainty"
    return "\n".join([*head, columns, *("\t".join(cells) for cells in rows)]) + "\n"


def test_the_page_says_how_many_regions_it_has_and_how_many_are_open(tmp_path):
    done = write(tmp_path)
    assert (done.num_regions, done.num_unsettled) == (6, 5)
    assert done.size_bytes == (tmp_path / "review.html").stat().st_size


def test_the_same_table_gives_the_same_page_and_another_its_own_storage(tmp_path):
    write(tmp_path)
    first = (tmp_path / "review.html").read_text()
    write(tmp_path)
    assert (tmp_path / "review.html").read_text() == first
    write(tmp_path, rows=ROWS[:4])
    storages = {
        re.search(r"vsda-review-[0-9a-f]{16}", text)[0]
        for text in (first, (tmp_path / "review.html").read_text())
    }
    assert len(storages) == 2


def test_hostile_names_stay_text(tmp_path):
    write(tmp_path, [view("train", HOSTILE, 1, HOSTILE, HOSTILE, "name")], title=HOSTILE)
    text = (tmp_path / "review.html").read_text()
    assert "alert(1)</script>" not in text
    assert "<img src=x" not in text
    cells = re.search(r'data-cells="([^"]*)"', text)[1]
    assert json.loads(html.unescape(cells))[1] == HOSTILE


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\x00b"])
def test_a_name_that_no_table_can_hold_is_refused(tmp_path, name):
    with pytest.raises(DatasetError, match="cannot stand in a table; rename it without tabs"):
        write(tmp_path, rows=[("train", name, "1", "car", "car", "seen")])
    assert not list(tmp_path.iterdir())


@needs_chromium
class TestInTheBrowser:
    def test_the_table_comes_back_as_it_is_when_nothing_is_answered(self, browser, page):
        assert browser.drive(page, "return one('#text').value") == tsv(*ROWS)

    def test_accepted_and_changed_regions_stand_in_the_table(self, browser, page):
        script = """
          await press('Enter');
          const second = all('.region')[1].querySelector('.class');
          second.value = 'dog'; second.dispatchEvent(new Event('change'));
          const duck = all('.region')[3].querySelector('.class');
          duck.value = 'ignore'; duck.dispatchEvent(new Event('change'));
          const person = all('.region')[5].querySelector('.certainty');
          person.value = 'unsure'; person.dispatchEvent(new Event('change'));
          return [one('#text').value, one('#count').textContent];"""
        text, count = browser.drive(page, script)
        assert text == tsv(
            ("train", "cars1", "1", "car", "car", "seen"),
            ("train", "cars1", "2", "car", "dog", "seen"),
            ("train", "ducks01", "1", "duck", "-", "name"),
            ("train", "ducks01", "2", "duck", "ignore", "seen"),
            ("train", "ducks01", "3", "duck", "-", "name"),
            ("test", "elsewhere", "*", "dog", "dog", "unsure"),
            ("test", "people1", "*", "person", "person", "unsure"),
        )
        assert count == "3 of 6 settled"

    def test_enter_alone_settles_everything_and_a_row_of_all_regions_stays_one(self, browser, page):
        script = """const went = [];
          for (let i = 0; i < 5; i += 1) {
            went.push(one('.current').getAttribute('aria-label')); await press('Enter'); }
          return [went, one('#text').value, one('#count').textContent, one('#done').hidden];"""
        went, text, count, hidden = browser.drive(page, script)
        assert went == [
            "cars1, region 1",
            "cars1, region 2",
            "ducks01, region 1",
            "ducks01, region 2",
            "ducks01, region 3",
        ]
        seen = [(*cells[:5], "seen") for cells in ROWS]
        seen[3] = ROWS[3]
        assert text == tsv(*seen)
        assert (count, hidden) == ("6 of 6 settled", False)

    def test_only_unsettled_regions_are_shown_when_asked(self, browser, page):
        script = """one('#only').click();
          const shown = () => all('.region').filter((part) => part.offsetParent).length;
          const seen = [shown()]; await press('Enter'); seen.push(shown());
          return [...seen, all('h2').filter((part) => part.offsetParent).length];"""
        assert browser.drive(page, script) == [5, 4, 2]

    def test_answers_stay_when_the_page_is_opened_again_and_can_be_forgotten(self, browser, page):
        with browser.open(page) as tab:
            run_script(tab, "await press('Enter');")
            tab.wait_for_timeout(_KEPT_MS)
            tab.reload()
            assert tab.text_content("#count") == "2 of 6 settled"
            tab.on("dialog", lambda dialog: dialog.accept())
            tab.click("#forget")
            assert tab.text_content("#count") == "1 of 6 settled"

    def test_the_download_is_the_table(self, browser, page):
        with browser.open(page) as tab:
            with tab.expect_download() as begun:
                tab.click("#download")
            text = begun.value.path().read_text(encoding="utf-8")
            assert begun.value.suggested_filename == "regions.tsv"
            assert text == tab.input_value("#text")

    @pytest.mark.parametrize("width_px", [400, 1400])
    def test_the_page_never_scrolls_sideways(self, browser, page, width_px):
        script = "return [innerWidth, document.documentElement.scrollWidth];"
        assert browser.drive(page, script, size=(width_px, 900)) == [width_px, width_px]
