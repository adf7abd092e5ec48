"""What video has, put into pictures."""

import math

import numpy as np
import pytest

from tests.stream.made_clips import frames, is_flipped, joined
from vsda.recipes.augmentation import AugmentationSettings
from vsda.stream.artefacts import Artefacts, Exposure, draw_exposure, expose
from vsda.stream.clips import ClipShape
from vsda.stream.order import Draw
from vsda.stream.samples import Look, Samples
from vsda.stream.transforms import Augmentation
from vsda.taxonomy import class_set

STRONG = {
    "gain_stops": 4.0,
    "cast_stops": 2.0,
    "falloff_stops": 3.0,
    "noise": 0.2,
    "defocus_px": 3.0,
    "motion_px": 9.0,
    "shrink": 5.0,
    "compression": 80,
}
STRENGTHS = {name.replace("compression", "quality"): value for name, value in STRONG.items()}


def taken(picture, **exposure):
    """Return (S, S, 3) pixels, or frames of them, taken anew."""
    copies = np.array(picture if picture.ndim == 4 else picture[None], dtype=np.uint8)
    expose(copies, Exposure(**exposure))
    return copies if picture.ndim == 4 else copies[0]


def grey(value, size_px=32):
    return np.full((size_px, size_px, 3), value, np.uint8)


def point(size_px=33):
    """Return one bright pixel in the middle of the dark."""
    picture = grey(0, size_px)
    picture[size_px // 2, size_px // 2] = 255
    return picture


def light(pixels):
    """Return the linear light of pixels, by the inverse of sRGB's curve above its foot."""
    encoded = pixels.astype(float) / 255
    return np.where(encoded < 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def exposures(number=400, **strengths):
    artefacts = Artefacts(**strengths)
    return [draw_exposure(artefacts, np.random.default_rng(seed)) for seed in range(number)]


def test_all_256_values_survive_the_way_into_linear_light_and_back():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(taken(ramp, gain_stops=1e-9), ramp)


@pytest.mark.parametrize(("stops", "value"), [(-1, 137), (-2, 99), (0.5, 219)])
def test_a_stop_is_a_factor_of_two_in_linear_light(stops, value):
    assert taken(grey(188), gain_stops=stops)[0, 0].tolist() == [value] * 3


def test_too_much_light_is_white_and_dark_parts_stay_dark():
    assert (taken(grey(250), gain_stops=1.0) == 255).all()
    assert (taken(grey(0), gain_stops=1.0, cast_stops=1.0, falloff_stops=1.0) == 0).all()


def test_a_cast_is_of_red_over_blue():
    red, green, blue = light(taken(grey(120), cast_stops=1.0))[0, 0]
    assert math.log2(red / blue) == pytest.approx(1, abs=0.05)
    assert green == light(grey(120))[0, 0, 0]


@pytest.mark.parametrize("angle", [0.0, 1.0, 2.5, 4.0])
def test_light_falls_off_from_corner_to_corner(angle):
    seen = light(taken(grey(100), falloff_stops=2.0, falloff_angle=angle))[..., 0]
    corners = np.log2([seen[0, 0], seen[0, -1], seen[-1, 0], seen[-1, -1]])
    assert np.ptp(corners) == pytest.approx(2, abs=0.1)
    assert seen[15:17, 15:17].mean() == pytest.approx(light(grey(100))[0, 0, 0], rel=0.02)
    rows, columns = np.indices(seen.shape) - 15.5
    towards = np.stack([(rows * seen).sum(), (columns * seen).sum()])
    bright = np.array([math.sin(angle), math.cos(angle)])
    assert towards @ bright / np.linalg.norm(towards) > 0.85


def test_noise_grows_with_light_as_that_of_counted_light_does():
    def deviation(value):
        return light(taken(grey(value, 96), noise=0.05)).std()

    assert deviation(150) == pytest.approx(
        0.05 * math.sqrt(light(grey(150))[0, 0, 0] + 0.01), rel=0.05
    )
    assert deviation(220) > 1.5 * deviation(120)
    noisy = light(taken(grey(150, 96), noise=0.05))
    assert noisy.mean() == pytest.approx(light(grey(150))[0, 0, 0], rel=0.02)


def test_noise_differs_from_frame_to_frame_and_follows_from_its_seed():
    still = np.stack([grey(150)] * 2)
    one, other = taken(still, noise=0.1, noise_seed=5)
    assert not np.array_equal(one, other)
    assert np.array_equal(taken(still, noise=0.1, noise_seed=5), [one, other])
    assert not np.array_equal(taken(still, noise=0.1, noise_seed=6)[0], one)


def test_a_defocus_spreads_a_point_evenly_and_keeps_its_light():
    seen = light(taken(point(), defocus_px=2.0))[..., 0]
    rows, _ = np.indices(seen.shape) - 16
    assert seen.sum() == pytest.approx(1, abs=0.1)
    assert math.sqrt((seen * rows**2).sum() / seen.sum()) == pytest.approx(2, abs=0.2)
    assert np.allclose(seen, seen.T, atol=0.002)


def test_motion_spreads_a_point_along_a_line():
    angle = 0.6
    seen = light(taken(point(), motion_px=10.0, motion_angle=angle))[..., 0]
    rows, columns = np.indices(seen.shape) - 16
    along = columns * math.cos(angle) + rows * math.sin(angle)
    across = rows * math.cos(angle) - columns * math.sin(angle)
    spread = [math.sqrt((seen * place**2).sum() / seen.sum()) for place in (along, across)]
    assert spread[0] == pytest.approx(10 / math.sqrt(12), abs=0.4)
    assert spread[1] < 0.6
    assert seen.sum() == pytest.approx(1, abs=0.1)


def test_what_lies_at_the_edge_goes_on_outside_when_it_is_blurred():
    blurred = taken(grey(90), defocus_px=4.0, motion_px=9.0)
    assert (np.abs(blurred.astype(int) - 90) <= 1).all()


def test_light_is_blurred_and_not_its_code():
    board = grey(0, 64)
    board[:, ::2] = 255
    assert taken(board, defocus_px=4.0)[32, 32].tolist() == pytest.approx([188] * 3, abs=1)


def test_what_is_shrunk_keeps_its_coarse_parts_alone():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    shrunk = taken(picture, shrink=4.0).astype(float)
    assert shrunk.mean() == pytest.approx(picture.mean(), abs=1)
    assert shrunk.std() < 0.4 * picture.std()
    assert np.abs(np.diff(shrunk, axis=0)).mean() < 12


def test_a_codec_loses_more_at_a_lower_quality():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    lost = [
        np.abs(taken(picture, quality=quality).astype(int) - picture).mean()
        for quality in (100, 90, 30)
    ]
    assert lost[0] == 0 < lost[1] < lost[2]


@pytest.mark.parametrize("name", STRONG)
def test_each_occurs_by_itself_in_half_of_the_samples_up_to_its_strength(name):
    drawn = exposures(**{name: STRONG[name]})
    neutral = Exposure()
    attribute = name.replace("compression", "quality")
    values = [getattr(one, attribute) for one in drawn]
    off = getattr(neutral, attribute)
    assert 0.4 < sum(value == off for value in values) / len(values) < 0.6
    low, high = {
        "gain_stops": (-4, 1),
        "cast_stops": (-2, 2),
        "shrink": (1, 5),
        "compression": (20, 100),
    }.get(name, (0, STRONG[name]))
    assert low <= min(values) < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < max(values) <= high
    others = set(STRENGTHS) - {attribute}
    assert all(getattr(one, other) == getattr(neutral, other) for one in drawn for other in others)


def test_draws_are_as_many_whatever_is_on():
    after = set()
    for artefacts in (Artefacts(), Artefacts(**STRONG), Artefacts(noise=0.1)):
        generator = np.random.default_rng(3)
        draw_exposure(artefacts, generator)
        after.add(generator.random())
    assert len(after) == 1
    together, alone = exposures(5, **STRONG), exposures(5, motion_px=STRONG["motion_px"])
    assert [one.motion_px for one in together] == [one.motion_px for one in alone]


class TestSamples:
    CLASSES = class_set("person,dog")

    def samples(self, shards, *, clip=4, seed=0, flip=False, **artefacts):
        change = Augmentation(flip=flip, artefacts=Artefacts(**artefacts))
        shape = ClipShape(frames=clip)
        look = Look(size_px=32, augmentation=change, seed=(seed, 0), clip=shape)
        return Samples(shards, look, self.CLASSES)

    def test_a_sample_depends_on_the_draw_and_the_seed_alone(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        samples = self.samples(shards, artefact_probability=1.0, **STRONG)
        first = samples[Draw(7, 3)][0]
        samples[Draw(8, 1)]
        assert samples[Draw(7, 3)][0].equal(first)
        assert not samples[Draw(8, 3)][0].equal(first)
        other = self.samples(shards, seed=1, artefact_probability=1.0, **STRONG)
        assert not other[Draw(7, 3)][0].equal(first)

    def test_a_clip_changes_as_a_whole(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        still = {name: value for name, value in STRONG.items() if name != "noise"}
        clips, singles = (
            self.samples(shards, clip=clip, artefact_probability=1.0, **still) for clip in (4, 1)
        )
        for index in range(5):
            clip = clips[Draw(index, 0)][0]
            for position in range(4):
                assert clip[position].equal(singles[Draw(index, position)][0][0])

    def test_masks_and_the_draws_of_others_stay(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        mild = {"motion_px": 3.0, "noise": 0.05}
        plain, spoilt = self.samples(shards, flip=True), self.samples(shards, flip=True, **mild)
        for index in range(12):
            (one, mask), (other, same_mask) = plain[Draw(index, 2)], spoilt[Draw(index, 2)]
            assert mask.equal(same_mask)
            assert is_flipped(one) == is_flipped(other)

    def test_a_probability_of_zero_is_none_at_all(self, tmp_path):
        shards = joined(tmp_path, frames("bear", 9))
        off = self.samples(shards, artefact_probability=0.0, **STRONG)
        assert off[Draw(1, 1)][0].equal(self.samples(shards)[Draw(1, 1)][0])


def test_a_recipe_says_how_strong_they_are_and_all_are_off_by_default():
    assert not Augmentation.of(AugmentationSettings()).artefacts.occur
    strong = Augmentation.of(AugmentationSettings(**STRONG, artefact_probability=0.3))
    assert strong.artefacts == Artefacts(**STRONG, artefact_probability=0.3)
    assert not strong.of_geometry().artefacts.occur
