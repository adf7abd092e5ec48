"""The page in a real browser; skipped where Chromium is not installed (Debian: chromium)."""

import html
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

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

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)
DARK, LIGHT = 0, 1
MEASURE = """<script>
addEventListener("load", () => {
  const inside = document.querySelector("iframe").contentWindow;
  const page = inside.document;
  page.querySelectorAll("details").forEach((part) => { part.open = true; });
  const slider = page.querySelector(".fade input");
  slider.value = 10;
  slider.dispatchEvent(new inside.Event("input"));
  const mask = inside.getComputedStyle(page.querySelector(".with-frame img")).opacity;
  const found = [inside.innerWidth, page.documentElement.scrollWidth, mask];
  document.body.dataset.found = found.join(" ");
});
</script>"""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine; apt-get install chromium"
)


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


def _chromium(profile, *arguments):
    process = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return process.stdout, process.stderr


def _measured(page, profile, width_px):
    """Unfold the page in a frame of a width that no window can have, and measure it."""
    holder = profile / "holder.html"
    source = html.escape(page.read_text(encoding="utf-8"))
    frame = f'<iframe style="border:0;width:{width_px}px;height:800px" srcdoc="{source}"></iframe>'
    holder.write_text(f"<!DOCTYPE html><body>{MEASURE}{frame}</body>", encoding="utf-8")
    dom, _ = _chromium(profile / "profile", "--window-size=1600,900", "--dump-dom", holder.as_uri())
    inner, scroll, mask = re.search(r'data-found="([^"]*)"', dom)[1].split()
    return int(inner), int(scroll), float(mask)


def _corner(page, profile, scheme):
    out = profile / "shot.png"
    _chromium(
        profile / "profile",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=400,800",
        f"--screenshot={out}",
        page.as_uri(),
    )
    with Image.open(out) as picture:
        assert picture.size == (400, 800)
        return np.asarray(picture.convert("L"))[:8, :8].mean()


@pytest.mark.parametrize("width_px", [400, 1280])
def test_page_never_scrolls_sideways(page, tmp_path, width_px):
    inner, scroll, _ = _measured(page, tmp_path, width_px)

    assert (inner, scroll) == (width_px, width_px)


def test_slider_fades_the_masks(page, tmp_path):
    assert _measured(page, tmp_path, 1280)[2] == pytest.approx(0.1)


def test_page_runs_its_own_script_and_nothing_else(page, tmp_path):
    dom, log = _chromium(tmp_path / "profile", "--dump-dom", page.as_uri())

    assert '<label class="fade">' in dom  # unhidden by the script
    assert "CONSOLE" not in log
    assert "Content Security Policy" not in log


def test_foreign_script_on_the_page_would_not_run(page, tmp_path):
    copy = tmp_path / "foreign.html"
    script = "<script>document.title = 'ran'</script>"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{script}</body>"))

    dom, log = _chromium(tmp_path / "profile", "--dump-dom", copy.as_uri())

    assert "<title>ran</title>" not in dom
    assert "Content Security Policy" in log


def test_page_follows_the_colour_scheme_of_the_reader(page, tmp_path):
    assert _corner(page, tmp_path, LIGHT) > 240
    assert _corner(page, tmp_path, DARK) < 40
