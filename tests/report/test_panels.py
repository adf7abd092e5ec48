"""Pictures that runs kept while they trained, on the page."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.report.make_runs import make_run, runs_in
from vsda.report.html import write_report
from vsda.report.panels import run_panels


def keep(run, *steps, name="panel", size=(200, 100)):
    """Keep a grey picture for each step, the brighter the later."""
    (run / "panels").mkdir(exist_ok=True)
    for step in steps:
        picture = Image.new("RGB", size, (step % 256, step % 256, step % 256))
        picture.save(run / "panels" / f"{name}-{step:06d}.png")
    return run


def panels(*folders):
    runs = runs_in(folders)
    return run_panels(runs, range(len(runs)))


def decoded(panel):
    kind, _, data = panel.uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        return np.asarray(picture)


def test_the_first_and_the_last_are_shown(tmp_path):
    (found,) = panels(keep(make_run(tmp_path / "run"), 50, 100, 150))
    assert (found.first.step, found.last.step) == (50, 150)
    assert decoded(found.first).mean() == pytest.approx(50, abs=2)
    assert decoded(found.last).mean() == pytest.approx(150, abs=2)


def test_steps_are_compared_as_numbers(tmp_path):
    (found,) = panels(keep(make_run(tmp_path / "run"), 999_999, 1_000_000))
    assert (found.first.step, found.last.step) == (999_999, 1_000_000)


def test_a_single_one_is_shown_once(tmp_path):
    (found,) = panels(keep(make_run(tmp_path / "run"), 50))
    assert (found.first, found.last.step) == (None, 50)


def test_runs_without_any_are_passed_over(tmp_path):
    folders = make_run(tmp_path / "a"), keep(make_run(tmp_path / "b"), 50), make_run(tmp_path / "c")
    assert [found.position for found in panels(*folders)] == [1]


def test_other_files_of_the_folder_are_passed_over(tmp_path):
    run = keep(make_run(tmp_path / "run"), 50)
    (run / "panels" / "panel-000100.png.0123456789abcdef.part").write_bytes(b"half")
    (run / "panels" / "notes.png").write_bytes(b"not a panel")
    (found,) = panels(run)
    assert found.last.step == 50


def test_wide_ones_are_made_smaller(tmp_path):
    (found,) = panels(keep(make_run(tmp_path / "run"), 50, size=(3200, 1000)))
    assert decoded(found.last).shape == (500, 1600, 3)


def test_a_damaged_one_is_told_and_the_other_is_shown(tmp_path):
    run = keep(make_run(tmp_path / "run"), 50, 100)
    path = run / "panels" / "panel-000050.png"
    path.write_bytes(path.read_bytes()[:60])

    (found,) = panels(run)

    assert (found.last.step, found.first) == (100, None)
    assert re.search(r"panel-000050\.png: .*; remove it and make the page", found.damage[0])
    assert "panel-000050.png" in write_report([run], tmp_path / "page.html").damage[0]


def test_the_first_ones_are_made_only_if_wanted(tmp_path):
    runs = runs_in([keep(make_run(tmp_path / "run"), 50, 100)])
    (found,) = run_panels(runs, [0], with_first=False)
    assert (found.last.step, found.first) == (100, None)


def test_the_page_shows_them_with_run_and_step(tmp_path):
    run = keep(make_run(tmp_path / "run"), 50, 100)
    write_report([run], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "What the networks made of their batches" in text
    shown = re.findall(r'<img src="data:image/jpeg;base64,[^"]+" alt="([^"]+)"', text)
    assert shown == [
        "image, truth, video frame and prediction of run A after step 100",
        "image, truth, video frame and prediction of run A after step 50",
    ]


def test_a_page_without_pictures_has_none_of_them(tmp_path):
    run = keep(make_run(tmp_path / "run"), 50)
    write_report([run], tmp_path / "page.html", num_pictures=0)
    assert "<img" not in (tmp_path / "page.html").read_text()
