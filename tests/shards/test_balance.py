from pathlib import Path

import numpy as np
import pytest

from tests.shards.frames import frame, make_set
from tests.shards.test_stats import boxed
from vsda.palette import class_colour
from vsda.shards.balance import compare_classes, set_balance
from vsda.shards.balance_picture import balance_picture, share_text


def painted(number, *class_ids, sequence=None):
    """A frame of 4x6 pixels: one row for each class, background below."""
    sample = frame(number, sequence)
    sample.seg[:] = 0
    for row, class_id in enumerate(class_ids):
        sample.seg[row] = class_id
    return sample


@pytest.fixture
def uneven(tmp_path):
    """Of 72 labelled pixels 18 person, 6 dog; the fourth frame has no mask."""
    frames = [painted(0, 1, 18), painted(1, 1), painted(2, 1), frame(3, None, seg=None, inst=None)]
    return make_set(tmp_path / "uneven", [frames], name="uneven-train")


class TestBalance:
    def test_the_largest_and_the_smallest_class_are_named_with_their_shares(self, uneven):
        balance = set_balance(uneven)
        assert (balance.largest, balance.smallest, balance.by) == ("person", "dog", "pixels")
        assert (balance.largest_share, balance.smallest_share) == (18 / 72, 6 / 72)
        assert balance.background_share == 48 / 72

    def test_frames_without_a_mask_are_counted(self, uneven, davis):
        assert set_balance(uneven).num_unlabelled == 1
        assert set_balance(davis).num_unlabelled == 1

    def test_void_is_a_share_of_all_pixels_of_the_masks(self, davis):
        assert set_balance(davis).void_share == pytest.approx(10 / 120)

    def test_what_only_the_idx_files_say_is_unknown_without_them(self, uneven):
        for path in Path(uneven.folder).glob("*.idx"):
            path.unlink()
        assert set_balance(uneven).num_unlabelled is None

    def test_a_set_of_boxes_is_judged_by_its_frames(self, tmp_path):
        dog, car = {"class": 18, "presence": "present"}, {"class": 3, "presence": "present"}
        frames = [boxed(0, dog), boxed(1, dog, car), boxed(2, dog), boxed(3)]
        balance = set_balance(make_set(tmp_path, [frames]))
        assert (balance.largest, balance.largest_share, balance.by) == ("dog", 0.75, "frames")
        assert (balance.smallest, balance.smallest_share) == ("car", 0.25)
        assert (balance.background_share, balance.void_share) == (None, None)
        assert balance.num_unlabelled == 4

    def test_a_set_without_classes_has_no_largest(self, tmp_path):
        balance = set_balance(make_set(tmp_path, [[frame(0, seg=None, inst=None)]]))
        assert (balance.largest, balance.smallest_share) == (None, None)


class TestComparison:
    def test_ratios_are_to_the_first_set(self, uneven, tmp_path):
        other = make_set(tmp_path / "b", [[painted(0, 1, 1, sequence="s")]], name="b-train")
        rows = {row.name: row for row in compare_classes([uneven.index, other.index])}
        assert list(rows) == ["background", "person", "dog"]
        assert rows["person"].pixel_ratios == (1.0, pytest.approx((12 / 24) / (18 / 72)))
        assert rows["person"].frame_ratios == (1.0, pytest.approx(1 / 0.75))
        assert rows["person"].stats[1].num_sequences == 1

    def test_a_class_that_one_set_lacks_has_no_ratio(self, uneven, tmp_path):
        other = make_set(tmp_path / "b", [[painted(0, 3)]], name="b-train")
        rows = {row.name: row for row in compare_classes([uneven.index, other.index])}
        assert (rows["dog"].stats[1], rows["dog"].pixel_ratios) == (None, (1.0, None))
        assert (rows["car"].stats[0], rows["car"].frame_ratios) == (None, (None, None))


class TestPicture:
    def test_each_class_has_its_swatch_and_each_set_its_bar(self, uneven, tmp_path):
        other = make_set(tmp_path / "b", [[painted(0, 1, 3)]], name="b-train")
        pixels = np.asarray(balance_picture([uneven.index, other.index]))
        colours = {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}
        assert {class_colour(value) for value in (1, 3, 18)} <= colours
        assert {(29, 95, 208), (222, 110, 22)} <= colours

    def test_bars_are_as_long_as_their_shares(self, uneven):
        # on a linear scale up to 40%: person 25%, dog 8.3%; in frames up to 80%: 75% and 25%
        pixels = np.asarray(balance_picture([uneven.index]))
        blue = (pixels == (29, 95, 208)).all(axis=2)
        blue[:80] = False  # the legend
        lengths = [int(row[:520].sum()) for row in blue if row[:520].any()]
        assert max(lengths) == pytest.approx(0.25 / 0.4 * 330, abs=2)
        assert min(lengths) == pytest.approx(6 / 72 / 0.4 * 330, abs=2)
        assert max(int(row[520:].sum()) for row in blue) == pytest.approx(0.75 / 0.8 * 330, abs=2)

    def test_shares_far_apart_stand_on_a_logarithmic_scale(self, tmp_path):
        # person 60%, dog 1 of 240: between 0.1% and 100%
        frames = [painted(n, 1, 1, 1) if n < 8 else painted(n) for n in range(10)]
        frames[9].seg[3, 5] = 18
        pixels = np.asarray(balance_picture([make_set(tmp_path, [frames]).index]))
        blue = (pixels == (29, 95, 208)).all(axis=2)
        blue[:80] = False
        shortest = min(int(row[:520].sum()) for row in blue if row[:520].any())
        assert shortest == pytest.approx(330 * np.log10(100 / 24) / 3, abs=2)

    def test_the_same_sets_give_the_same_picture(self, davis):
        first, second = (balance_picture([davis.index]).tobytes() for _ in range(2))
        assert first == second

    def test_a_set_without_classes_and_one_with_boxes_alone_can_be_drawn(self, tmp_path):
        dog = {"class": 18, "presence": "present"}
        bare = make_set(tmp_path / "a", [[frame(0, seg=None, inst=None)]]).index
        assert balance_picture([bare]).height > 0
        assert balance_picture([make_set(tmp_path / "b", [[boxed(0, dog)]]).index]).height > 0

    @pytest.mark.parametrize(
        ("share", "text"),
        [(0, "0"), (1, "100.0%"), (0.217, "21.7%"), (0.0217, "2.17%"), (1e-7, "<0.001%")],
    )
    def test_numbers_have_the_digits_that_count(self, share, text):
        assert share_text(share) == text
