"""The installed wheel works from an empty folder: recipes and manifests travel with it."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT
from tests.made_sets import make_images, make_videos


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built from the checkout and unpacked as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_wheel_holds_manifests_recipes_and_the_page_template(installed):
    package = installed / "vsda"
    names = {str(path.relative_to(package)) for path in package.rglob("*")}
    assert {
        "_data/manifests/davis/objects.tsv",
        "_data/pipelines/train/swin-patch.toml",
        "_data/pipelines/small/swin_upernet.toml",
        "_data/pipelines/demo.toml",
        "report/page.html.j2",
        "py.typed",
    } <= names


def test_train_swin_patch_works_from_the_wheel_in_an_empty_folder(installed, tmp_path):
    make_images(tmp_path / "data" / "shards", 4)
    make_videos(tmp_path / "data" / "shards", 3)
    settings = ["images=['images']", "videos=['videos']", "classes='person,dog'", "size_px=32"]
    settings += ["steps=1", "batch_images=2", "batch_videos=2", "workers=0"]
    command = [sys.executable, "-m", "vsda", "train", "swin-patch", "--init", "none"]
    for setting in settings:
        command += ["--set", setting]
    process = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "runs/swin-patch-1/checkpoints/step-000001.pt"
