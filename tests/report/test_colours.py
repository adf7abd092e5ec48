"""The runs' colours can be told apart, also by eyes that lack a kind of cone."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import vsda.report
from vsda.report.looks import NUM_COLOURS

CSS = (Path(vsda.report.__file__).parent / "runs.css").read_text()
PAPERS = {"light": "#ffffff", "dark": "#12161c"}
COLOURS = re.findall(r"--run-\d: (#[0-9a-f]{6});", CSS)
BY_SCHEME = {"light": COLOURS[:NUM_COLOURS], "dark": COLOURS[NUM_COLOURS:]}

# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision
# Deficiency, 2009: severity 1.0, on linear RGB.
EYES = {
    "usual": np.eye(3),
    "without red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    xyz = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one, other):
    darker, brighter = sorted(linear(colour) @ TO_XYZ[1] for colour in (one, other))
    return (brighter + 0.05) / (darker + 0.05)


def test_both_schemes_have_all_colours():
    assert [len(colours) for colours in BY_SCHEME.values()] == [NUM_COLOURS, NUM_COLOURS]


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("scheme", BY_SCHEME)
def test_each_two_colours_are_far_apart(scheme, eye):
    """A distance of 18 in CIELAB is plain to see side by side; 2 is hardly seen."""
    seen = [lab(np.array(EYES[eye]) @ linear(colour)) for colour in BY_SCHEME[scheme]]
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 18


@pytest.mark.parametrize("scheme", BY_SCHEME)
def test_colours_stand_out_from_the_paper_like_text(scheme):
    assert min(contrast(colour, PAPERS[scheme]) for colour in BY_SCHEME[scheme]) >= 4.5
