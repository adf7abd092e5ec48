"""The page in a real browser; skipped where Chromium is not installed (Debian: chromium)."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.chromium import needs_chromium
from tests.report.make_runs import (
    CLUSTERED,
    evaluation,
    judge,
    make_run,
    make_set,
    predict,
    truth_mask,
)
from tests.report.test_html import HOSTILE
from tests.report.test_panels import keep
from vsda.report.html import write_report

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of nine runs with everything on it, one of them with a hostile name."""
    folder = tmp_path_factory.mktemp("report")
    place = str(make_set(folder / "shards"))
    runs = []
    names = ["source-only", HOSTILE.replace("/", "_"), *(f"other-{n}" for n in range(7))]
    for number, name in enumerate(names):
        rows = [{"step": step, "loss_adversarial": 0.7, "x" * 90: 1.0} for step in (50, 100)]
        run = make_run(folder / name, CLUSTERED | {"long": number * "x" * 100}, rows)
        listed = predict(run, {"davis/bear/00000": truth_mask(number)})
        videos = {"bear": 0.2, "a-very-long-name-of-a-sequence" * 5: 0.5, HOSTILE: 0.3}
        for which in ("davis-val", "coco-val"):
            scores = evaluation(number / 10, videos, place=place, predictions=listed)
            judge(run, scores | {"set": which})
        runs.append(keep(run, 50, 100, size=(1620, 850)))
    write_report(runs, folder / "report.html", title=HOSTILE)
    return folder / "report.html"


@pytest.mark.parametrize("width_px", [400, 1280])
def test_page_never_scrolls_sideways(browser, page, width_px):
    script = """all("details").forEach((part) => { part.open = true; });
      return [innerWidth, document.documentElement.scrollWidth];"""
    assert browser.drive(page, script, size=(width_px, 800)) == [width_px, width_px]


def test_slider_fades_the_masks(browser, page):
    script = """const slider = one(".fade input");
      slider.value = 10; slider.dispatchEvent(new Event("input"));
      return getComputedStyle(one(".with-frame img")).opacity;"""
    assert browser.drive(page, script) == "0.1"


def test_page_runs_its_own_script_and_nothing_else(browser, page):
    with browser.open(page) as tab:
        assert tab.is_visible("label.fade")  # unhidden by the script
        assert tab.told == []


def test_foreign_script_on_the_page_would_not_run(browser, page, tmp_path):
    copy = tmp_path / "foreign.html"
    script = "<script>document.title = 'ran'</script>"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{script}</body>"))
    with browser.open(copy) as tab:
        assert tab.title() != "ran"
        assert "Content Security Policy" in "".join(tab.told)


def test_page_follows_the_colour_scheme_of_the_reader(browser, page):
    assert _corner(browser, page, "light") > 240
    assert _corner(browser, page, "dark") < 40


def _corner(browser, page, scheme):
    with browser.open(page, size=(400, 800), scheme=scheme) as tab:
        picture = Image.open(io.BytesIO(tab.screenshot()))
    assert picture.size == (400, 800)
    return np.asarray(picture.convert("L"))[:8, :8].mean()
