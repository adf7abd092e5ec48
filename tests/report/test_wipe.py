"""The slider between predictions, sorted tables and print, clicked in a real browser."""

import io

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from tests.chromium import needs_chromium, run_script
from tests.report.make_runs import (
    CLUSTERED,
    DOG,
    PERSON,
    SIZE,
    evaluation,
    judge,
    make_run,
    make_set,
    predict,
)
from vsda.report.html import write_report

pytestmark = needs_chromium
KEYS = [f"davis/{name}/00000" for name in ("bear", "camel", "dance")]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two runs on three frames: the first says person everywhere, the second dog."""
    folder = tmp_path_factory.mktemp("wipe")
    names = [key.split("/")[1] for key in KEYS]
    place = str(make_set(folder / "shards", sequences=names, length=1))
    runs = []
    for name, recipe, value, points in (
        ("plain", {}, PERSON, (0.3, 0.2, None)),
        ("clustered", CLUSTERED, DOG, (0.1, 0.6, 0.5)),
    ):
        log = [{"step": step, "loss_adversarial": 0.7} for step in (50, 100)]
        run = make_run(folder / name, recipe, log)
        mask = np.full(SIZE[::-1], value, dtype=np.uint8)
        listed = predict(run, dict.fromkeys(KEYS, mask))
        videos = dict(zip(names, points, strict=True))
        bounds = {"iou_interval": {"person": [0.1, 0.4]}, "interval": [0.2, 0.6]}
        judge(run, evaluation(0.3, videos, place=place, predictions=listed, **bounds))
        runs.append(run)
    write_report(runs, folder / "report.html")
    return folder / "report.html"


@pytest.fixture
def tab(browser, page):
    with browser.open(page) as tab:
        yield tab
        assert tab.told == []


def at(tab):
    """Where the edge between both pictures is, in per cent."""
    return float(run_script(tab, 'return one(".stage").style.getPropertyValue("--at")').rstrip("%"))


def stage_box(tab):
    tab.locator(".stage").scroll_into_view_if_needed()
    return tab.locator(".stage").bounding_box()


def colours(tab, *places):
    """Red, green and blue of the screen at places of the stage, in fractions of its width."""
    box = stage_box(tab)
    picture = screen(tab)
    y = round(box["y"] + 0.85 * box["height"])
    return [tuple(map(int, picture[y, round(box["x"] + part * box["width"])])) for part in places]


def screen(tab):
    return np.asarray(Image.open(io.BytesIO(tab.screenshot())).convert("RGB"))


def test_both_predictions_lie_over_the_frame_beside_the_edge(tab):
    left, right = colours(tab, 0.2, 0.8)
    assert left[0] > left[2] + 40  # person: red
    assert right[2] > right[0] + 20  # dog: cyan


def test_the_edge_follows_a_dragged_mouse(tab):
    box = stage_box(tab)
    y = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] / 2, y)
    tab.mouse.down()
    for part in (0.6, 0.7, 0.8):
        tab.mouse.move(box["x"] + part * box["width"], y)
    tab.mouse.up()
    assert at(tab) == pytest.approx(80, abs=1.5)
    left, middle = colours(tab, 0.2, 0.7)
    assert middle[0] > middle[2] + 40
    assert left[0] > left[2] + 40


def test_the_edge_follows_the_keys(tab):
    slider = tab.locator(".stage input")
    slider.focus()
    slider.press("ArrowRight")
    assert at(tab) > 50
    slider.press("Home")
    assert at(tab) == 0
    slider.press("End")
    assert at(tab) == 100
    assert slider.get_attribute("aria-valuetext") == "100 % A plain"


def test_the_edge_follows_a_finger_on_a_phone(browser, page):
    with browser.open(page, size=(400, 800), touch=True) as tab:
        box = stage_box(tab)
        assert box["width"] > 350
        tab.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
        assert at(tab) == pytest.approx(25, abs=2)
        assert tab.told == []


def test_any_two_layers_can_be_chosen(tab):
    tab.select_option(".choose-left", "truth")
    tab.select_option(".choose-right", "frame")
    assert tab.locator(".tag").all_inner_texts() == ["ground truth", "frame alone"]
    shown = run_script(
        tab,
        """
      const truth = one(".row [data-layer=truth] img");
      return [one(".layer-left").src === truth.src, one(".layer-right").hidden];""",
    )
    assert shown == [True, True]


def test_frames_are_turned_and_taken_from_their_rows(tab):
    shown = run_script(
        tab,
        """
      const found = [];
      const note = () => found.push([
        one(".which").textContent,
        all(".row").findIndex((row) => row.style.getPropertyValue("--frame") ===
          one(".stage").style.getPropertyValue("--frame")),
      ]);
      one(".after").click(); note();
      one(".before").click(); one(".before").click(); note();
      all(".put")[1].click(); note();
      return [found, document.activeElement === one(".stage input")];""",
    )
    frames = [["frame 2 of 3", 1], ["frame 3 of 3", 2], ["frame 2 of 3", 1]]
    assert shown == [frames, True]


def test_what_lies_under_the_pointer_is_named(tab):
    box = stage_box(tab)
    assert "labelled pixels right" in tab.locator(".read-out").inner_text()
    tab.mouse.move(box["x"] + 26 / 96 * box["width"], box["y"] + 34 / 64 * box["height"])
    assert tab.locator(".read-out").inner_text() == (
        "Here: ground truth: person, A plain: person, B clustered: dog."
    )
    tab.mouse.move(box["x"] + 90 / 96 * box["width"], box["y"] + 6 / 64 * box["height"])
    assert "ground truth: not counted" in tab.locator(".read-out").inner_text()
    tab.mouse.move(box["x"] + 45 / 96 * box["width"], box["y"] + 60 / 64 * box["height"])
    assert "ground truth: background" in tab.locator(".read-out").inner_text()
    tab.mouse.move(0, 0)
    assert "labelled pixels right" in tab.locator(".read-out").inner_text()


def test_videos_are_sorted_by_the_heading_that_is_clicked(tab):
    def names():
        return tab.locator(".sortable tbody th").all_inner_texts()

    heads = tab.locator(".sortable thead button")
    assert heads.count() == 5  # sequence, frames, A, B, B less A
    assert names() == ["bear", "camel", "dance"]  # the hardest first
    heads.nth(3).click()
    assert names() == ["bear", "dance", "camel"]
    heads.nth(3).press("Enter")
    assert names() == ["camel", "dance", "bear"]
    heads.nth(4).click()
    assert names() == ["bear", "camel", "dance"]  # -20, +40, unknown
    heads.nth(4).click()
    assert names() == ["camel", "bear", "dance"]
    sorts = [head.get_attribute("aria-sort") for head in tab.locator(".sortable thead th").all()]
    assert sorts == [None, None, None, None, "descending"]
    heads.nth(0).click()
    heads.nth(0).click()
    assert names() == ["dance", "camel", "bear"]


def test_all_is_opened_for_printing_and_closed_again(tab):
    closed = run_script(
        tab,
        """
      const closed = () => all("details:not([open])").length;
      const found = [closed()];
      dispatchEvent(new Event("beforeprint")); found.push(closed());
      dispatchEvent(new Event("afterprint")); found.push(closed());
      return found;""",
    )
    assert closed[0] > 0
    assert closed == [closed[0], 0, closed[0]]


def test_without_its_script_the_page_shows_all_rows_and_nothing_dead(browser, page):
    with browser.open(page, script=False) as tab:
        assert tab.locator(".row .view").count() == 12
        assert tab.locator(".wipe, .fade, .put").filter(visible=True).count() == 0
        assert tab.locator(".sortable button").count() == 0


@pytest.mark.parametrize(
    ("scheme", "width_px"),
    [("light", 1280), pytest.param("dark", 400, marks=pytest.mark.slow)],
)
def test_no_rule_of_accessibility_is_broken(browser, page, scheme, width_px):
    with browser.open(page, size=(width_px, 800), scheme=scheme) as tab:
        run_script(tab, 'all("details").forEach((part) => { part.open = true; });')
        found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
