"""The README's pictures, made by `make pictures`, are small; saving keeps the classes' colours."""

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.readme_pictures import MOST_BYTES, save

PICTURES = sorted((ROOT / ".github").rglob("*.png"))


def test_there_are_pictures():
    names = {path.stem for path in PICTURES}
    assert names == {"demo", "gaps", "report", "sets", "synth", "synth-places"}


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_picture_is_small(path):
    assert path.stat().st_size <= MOST_BYTES


def test_a_large_picture_loses_bits_until_it_fits(tmp_path):
    smooth = np.linspace(0, 255, 900)[None, :, None] + np.linspace(0, 40, 900)[:, None, None]
    noise = np.random.default_rng(0).normal(0, 1.2, (900, 900, 3))
    whole = (smooth / 1.2 + noise).clip(0, 255).astype(np.uint8)

    save(Image.fromarray(whole), tmp_path / "x.png")

    kept = np.asarray(Image.open(tmp_path / "x.png"))
    assert (tmp_path / "x.png").stat().st_size <= MOST_BYTES
    assert 0 < np.abs(kept.astype(int) - whole).max() < 16
