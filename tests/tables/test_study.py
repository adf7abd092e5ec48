"""The study whose numbers lie in .github/study: its files say what made them, and a run repeats."""

import csv
import json
import statistics

import pytest

from tests.conftest import ROOT
from tests.tables.printed import PAGES, TABLE, filled
from vsda.choice.criteria import CRITERIA
from vsda.tables.grid import Asked, make_grid
from vsda.tables.load import load_table

STUDY = ROOT / ".github" / "study"
CELL = "synth-gain/images/0"


def rows(name, folder=STUDY):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


FOLDERS = [path.parent for path in sorted(STUDY.glob("*/costs.csv"))]
TABLES = {STUDY: "synth"} | {folder: f"synth-{folder.name}" for folder in FOLDERS}


@pytest.mark.parametrize("folder", TABLES, ids=lambda folder: folder.name)
def test_every_number_has_the_recipe_and_the_versions_that_made_it(folder, tmp_path):
    grid = make_grid(load_table(TABLES[folder]), Asked(out=tmp_path, data=tmp_path))
    cells = {(cell.world, cell.row, str(cell.seed)) for cell in grid.cells}
    for row in rows("cells.csv", folder):
        assert (row["world"], row["row"], row["seed"]) in cells
        assert len(row["fingerprint"]) == 64
        assert all(row[key] for key in ("vsda", "torch", "git_revision"))
        assert 0 < float(row["mean_iou"]) < 100


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_a_page_prints_the_numbers_of_the_files(path):
    page = path.read_text()
    assert len(TABLE.findall(page)) == page.count("<!-- ") > 0
    assert page.splitlines() == filled(page).splitlines()


@pytest.mark.parametrize(
    "folder",
    [*TABLES, STUDY / "second-worlds", STUDY / "clips-half-filled", STUDY.parent / "real-mini"],
    ids=lambda folder: folder.name,
)
def test_means_are_those_of_the_runs(folder):
    runs = {}
    for row in rows("cells.csv", folder):
        runs.setdefault((row["row"], row["world"], row["set"]), []).append(float(row["mean_iou"]))
    judged = [
        row for row in rows("table.csv", folder) if (row["row"], row["world"], row["set"]) in runs
    ]
    assert judged
    for row in judged:
        found = runs[row["row"], row["world"], row["set"]]
        assert int(row["seeds"]) == len(found)
        assert float(row["mean"]) == pytest.approx(sum(found) / len(found), abs=1e-3)


def chosen(by, ten):
    """Return the mean IoU of what is chosen of a run's checkpoints, rows of stop.csv in order."""
    if by == "last":
        return float(ten[-1]["mean_iou"])
    if by == "oracle":
        return max(float(row["mean_iou"]) for row in ten)
    best = max if CRITERIA[by].prefers_high else min
    return float(best(ten, key=lambda row: float(row[by]))["mean_iou"])


@pytest.mark.parametrize("by", ["last", *CRITERIA, "oracle"])
def test_the_page_prints_what_criteria_chose(by):
    runs = {}
    for row in rows("stop.csv"):
        runs.setdefault(row["row"], {}).setdefault(row["seed"], []).append(row)
    means = [
        statistics.fmean(chosen(by, ten) for ten in runs[name].values())
        for name in ("clustered-patch", "domain-patch")
    ]
    printed = f"{means[0]:.1f} | {means[1]:.1f} |"
    lines = PAGES[1].read_text().split("## When to stop")[1].splitlines()
    (line,) = [line for line in lines if line.startswith("| ") and by in line]
    assert line.endswith(printed)


@pytest.mark.slow
def test_a_run_comes_out_as_the_study_says(vsda, tmp_path):
    """Its pretraining, then the source-only row, once more: within the seeds' own deviation."""
    world, row, seed = CELL.split("/")
    vsda(
        *("tables", "synth", "--cell", CELL, "--out", tmp_path / "out"),
        VSDA_DATA=str(tmp_path / "data"),
        OMP_NUM_THREADS="1",
    )
    record = json.loads((tmp_path / "out" / world / row / f"seed-{seed}" / "cell.json").read_text())
    (stated,) = [
        float(one["mean_iou"])
        for one in rows("cells.csv")
        if (one["row"], one["world"], one["seed"], one["set"]) == (row, world, seed, "davis-val")
    ]
    (of_row,) = [
        one
        for one in rows("table.csv")
        if (one["row"], one["world"], one["set"]) == (row, world, "davis-val")
    ]
    again = 100 * record["scores"]["davis-val"]["mean_iou"]
    assert again == pytest.approx(stated, abs=float(of_row["deviation"]))
