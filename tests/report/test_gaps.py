"""What `vsda gap` left in a run folder, on the page."""

import json

from PIL import Image

from tests.report.make_runs import make_run, runs_in
from vsda.report.gaps import run_gaps
from vsda.report.html import write_report


def _tap(tokens, frames):
    def side(distance):
        probe = {"distance": distance, "low": distance - 0.1, "high": distance + 0.1}
        return {"probe": probe | {"accuracy": 0.9}, "mmd": {"squared": 0.1, "p_value": 0.01}}

    return {"channels": 8, "tokens": side(tokens), "frames": side(frames), "classes": {}}


def measure(run, **other):
    """Write what the command writes."""
    folder = run / "gap"
    folder.mkdir()
    network = {
        "name": run.name,
        "step": 100,
        "taps": {"patch": _tap(0.4, 1.25), "stage1": _tap(0.61, 1.9)},
        "looks_at": "patch",
        "picture": "run.png",
    }
    document = {
        "images": {"name": "coco-val"},
        "videos": {"name": "davis-val"},
        "networks": [network],
        "remarks": ["run: it still tells the domains apart"],
    }
    (folder / "gap.json").write_text(json.dumps(document | other))
    Image.new("RGB", (3000, 600), (9, 99, 199)).save(folder / "run.png")
    return run


def test_distances_remarks_and_picture_stand_on_the_page(tmp_path):
    run = measure(make_run(tmp_path / "run"))

    report = write_report([run], tmp_path / "page.html")

    page = report.path.read_text()
    assert report.damage == ()
    assert "coco-val against davis-val" in page
    assert "<td>1.25<small>1.15 to 1.35</small></td>" in page
    assert "it still tells the domains apart." in page
    assert 'alt="Tokens of run in two dimensions' in page


def test_runs_that_were_not_measured_have_no_such_part(tmp_path):
    page = write_report([make_run(tmp_path / "run")], tmp_path / "page.html").path.read_text()
    assert 'id="gap"' not in page


def test_pictures_are_made_only_if_wanted(tmp_path):
    runs = runs_in([make_run(tmp_path / "a"), measure(make_run(tmp_path / "b"))])

    (plain,), (whole,) = (run_gaps(runs, with_pictures=wanted) for wanted in (False, True))

    assert (plain.position, plain.pictures) == (1, {})
    assert list(whole.pictures) == ["b"]


def test_what_is_damaged_is_told_and_the_rest_is_shown(tmp_path):
    run = measure(make_run(tmp_path / "run"))
    (run / "gap" / "run.png").write_bytes(b"no picture")
    other = measure(make_run(tmp_path / "other", {"steps": 3}), networks=[{"name": "x"}])

    first, second = run_gaps(runs_in([run, other]), with_pictures=True)

    assert first.measured.networks[0].taps["patch"].frames.probe.distance == 1.25
    assert "run.png" in first.damage[0]
    assert second.measured is None
    assert "gap.json" in second.damage[0]
    assert second.damage[0].endswith("run `vsda gap` again")
