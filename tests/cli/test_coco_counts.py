import json

import pytest
import typer
from typer.testing import CliRunner

from tests.fake_coco import CocoTree, box
from vsda.cli.coco_counts import coco_counts
from vsda.errors import DatasetError

BOX = box(0, 0, 4, 4)


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(coco_counts)

    def invoke(*arguments, **environment):
        return CliRunner().invoke(app, [str(word) for word in arguments], env=environment)

    return invoke


def write_counts(root, split, **names):
    """Write an instances file with so many images of each class."""
    tree, row = CocoTree(root, split), {"width": 8, "height": 8}
    classes = [name for name, number in names.items() for _ in range(number)]
    for number, name in enumerate(classes):
        tree.images.append(row | {"id": number, "file_name": f"{number}.jpg"})
        tree.thing(number, name, BOX)
    tree.save()


def test_counts_stand_beside_the_papers_with_the_difference(run, tmp_path):
    write_counts(tmp_path, "train", person=5, cat=2)
    write_counts(tmp_path, "val", dog=1)
    result = run("--root", tmp_path)
    assert result.exit_code == 3
    lines = result.stdout.splitlines()
    assert " ".join(lines[0].split()) == (
        "shared with reading paper all annotations without crowds"
    )
    assert lines[1].split()[-5:] == ["75377", "5", "(-75372)", "5", "(-75372)"]
    assert "fbms all: no reading gives it" in lines


def test_numbers_that_the_paper_gives_are_told_and_end_with_0(run, tmp_path):
    write_counts(tmp_path, "train", person=75_377, cat=1_726)
    write_counts(tmp_path, "val", person=3_176)
    result = run("--json", "--root", tmp_path)
    found = json.loads(result.stdout)
    assert (result.exit_code, found["broken_images"]) == (0, {"train": 0, "val": 0})
    assert found["met"] == {"davis train": True, "davis val": True, "fbms all": True}
    met = [row for row in found["readings"] if row["is_met"] and row["video"] == "fbms"]
    assert met[0]["classes"] == ["person", "car", "cat", "horse"]
    assert met[0]["splits"] == ["train", "val"]
    assert met[0]["found"] == {"all annotations": 80_279, "without crowds": 80_279}


def test_a_missing_file_is_an_error_that_names_the_command(run, tmp_path):
    result = run(VSDA_DATA=str(tmp_path))
    assert isinstance(result.exception, DatasetError)
    assert f"vsda fetch coco --out {tmp_path}/coco --only annotations" in str(result.exception)
