"""Squares of pictures: where they lie, and that pictures and masks stay together."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vsda.stream.geometry import (
    TRIES,
    Square,
    View,
    draw_squares,
    fill_outside,
    first_varied,
)
from vsda.stream.transforms import GREY, decode_picture, show_mask

SAME = bytes(range(256))
PICTURE_PX = st.tuples(st.integers(1, 90), st.integers(1, 90))
VIEWS = st.builds(
    View,
    mirrored=st.booleans(),
    square=st.builds(
        Square,
        factor=st.floats(0.3, 4),
        right=st.floats(0, 1, exclude_max=True),
        down=st.floats(0, 1, exclude_max=True),
    ),
)


def square(factor, right=0.0, down=0.0):
    return Square(factor=factor, right=right, down=down)


def jpeg(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=95, subsampling=0)
    return data.getvalue()


def scene(width_px, height_px, blocks=6):
    """Return a picture of large blocks, red where its mask is 1, and the mask."""
    rng = np.random.default_rng([width_px, height_px])
    small = rng.integers(0, 2, (blocks, blocks), dtype=np.uint8)
    mask = np.array(Image.fromarray(small).resize((width_px, height_px), Image.Resampling.NEAREST))
    picture = np.zeros((height_px, width_px, 3), np.uint8)
    picture[..., 0] = 220 * mask
    return picture, mask


def shown(picture, mask, view, size_px):
    """Return what a sample has of a picture and its mask."""
    pixels = np.zeros((size_px, size_px, 3), np.uint8)
    classes = np.zeros((size_px, size_px), np.uint8)
    decode_picture(jpeg(picture), view, pixels)
    show_mask(mask, view, SAME, classes)
    return pixels, classes


def inside(classes):
    """Return the pixels whose neighbours have the same class: edges are mixtures.

    What lies beyond the border of the square is not known, and an edge there mixes into it.
    """
    padded = np.pad(classes, 2, constant_values=254)
    size = len(classes)
    shifts = [padded[y : y + size, x : x + size] for y in range(5) for x in range(5)]
    return np.all([shift == classes for shift in shifts], axis=0)


class TestWindow:
    @given(PICTURE_PX, VIEWS, st.integers(1, 64))
    def test_what_is_seen_lies_inside_of_the_picture_and_of_the_square(self, px, view, size_px):
        window = view.window(px, size_px)
        left, top, right, bottom = window.box(px)
        assert 0 <= left < right <= px[0]
        assert 0 <= top < bottom <= px[1]
        rows, columns = window.seen
        assert 0 <= rows.start < rows.stop <= size_px
        assert 0 <= columns.start < columns.stop <= size_px

    @given(PICTURE_PX, VIEWS, st.integers(1, 64))
    def test_the_picture_is_seen_up_to_its_edge_wherever_the_square_sticks_out(
        self, px, view, size_px
    ):
        window = view.window(px, size_px)
        left, top, right, bottom = window.box(px)
        rows, columns = window.seen
        if columns != slice(0, size_px):
            assert (left, right) == (0, px[0])
        if rows != slice(0, size_px):
            assert (top, bottom) == (0, px[1])

    @given(st.integers(20, 90), st.integers(20, 90), st.floats(0.5, 3))
    def test_the_shorter_side_has_the_size_of_the_square_times_the_factor(self, width, height, f):
        scaled = View(square=square(f)).window((width, height), 64).scaled_px
        assert min(scaled) == round(64 * f)
        assert scaled[0] / scaled[1] == pytest.approx(width / height, rel=0.05)

    def test_the_outermost_places_reach_the_edges_of_the_picture(self):
        first = View(square=square(1.0)).window((200, 100), 50)
        last = View(square=square(1.0, 0.9999, 0.9999)).window((200, 100), 50)
        assert first.box((200, 100)) == (0, 0, 100, 100)
        assert last.box((200, 100)) == (100, 0, 200, 100)

    def test_a_small_picture_lies_anywhere_in_the_square(self):
        first = View(square=square(0.5)).window((100, 100), 50)
        last = View(square=square(0.5, 0.9999, 0.9999)).window((100, 100), 50)
        assert first.seen == (slice(0, 25), slice(0, 25))
        assert last.seen == (slice(25, 50), slice(25, 50))

    def test_a_mirrored_square_shows_the_picture_on_the_other_side(self):
        window = View(mirrored=True, square=square(0.5)).window((100, 100), 50)
        assert window.seen == (slice(0, 25), slice(25, 50))

    def test_without_a_square_the_whole_picture_is_seen(self):
        window = View().window((200, 100), 50)
        assert window.box((200, 100)) == (0, 0, 200, 100)
        assert window.is_full


class TestPicture:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(40, 300), st.integers(40, 300), VIEWS)
    def test_picture_and_mask_stay_together(self, width, height, view):
        pixels, classes = shown(*scene(width, height), view, 48)
        sure = inside(classes) & (classes != 255)
        assert (pixels[..., 0][sure & (classes == 1)] > 105).all()
        assert (pixels[..., 0][sure & (classes == 0)] < 115).all()

    @settings(max_examples=60, deadline=None)
    @given(st.integers(5, 300), st.integers(5, 300), VIEWS)
    def test_what_lies_outside_is_grey_and_has_no_label(self, width, height, view):
        pixels, classes = shown(*scene(width, height), view, 32)
        outside = np.ones((32, 32), bool)
        outside[view.window((width, height), 32).seen] = False
        assert (pixels[outside] == GREY).all()
        assert (classes[outside] == 255).all()
        assert (classes[~outside] != 255).all()

    def test_a_square_is_what_cutting_it_out_of_the_scaled_picture_gives(self):
        picture, _ = scene(120, 90, blocks=11)
        view = View(square=square(2.0, 0.37, 0.61))
        window = view.window((120, 90), 60)
        pixels = np.zeros((60, 60, 3), np.uint8)
        decode_picture(jpeg(picture), view, pixels)
        with Image.open(io.BytesIO(jpeg(picture))) as decoded:
            scaled = np.array(decoded.resize(window.scaled_px, Image.Resampling.BILINEAR))
        top, left = window.down.start_px, window.across.start_px
        expected = scaled[top : top + 60, left : left + 60]
        assert np.abs(pixels.astype(int) - expected).max() <= 1

    @pytest.mark.parametrize("px", [(801, 603), (1027, 771), (643, 481)])
    def test_the_scale_that_a_picture_is_decoded_at_moves_nothing(self, px):
        """The decoder scales by 2, 4 or 8 here, and rounds the sides of the picture up."""
        picture, _ = scene(*px, blocks=4)
        for place in (0.0, 0.5, 0.9999):
            view = View(square=square(1.2, place, place))
            pixels = np.zeros((64, 64, 3), np.uint8)
            decode_picture(jpeg(picture), view, pixels)
            window = view.window(px, 64)
            full = window.cut_out(Image.fromarray(picture), px, Image.Resampling.BILINEAR)
            assert np.abs(pixels.astype(int) - np.asarray(full)).mean() < 1.5

    def test_pixels_that_a_scaling_decoder_adds_to_a_picture_are_no_part_of_it(self):
        """Of 65 pixels it makes 9 for each 8, of which the last one shows a single pixel."""
        picture = np.zeros((65, 65, 3), np.uint8)
        picture[:, 32:] = 255
        view, pixels = View(square=square(1.0)), np.zeros((8, 8, 3), np.uint8)
        decode_picture(jpeg(picture), view, pixels)
        full = view.window((65, 65), 8).cut_out(
            Image.fromarray(picture), (65, 65), Image.Resampling.BILINEAR
        )
        assert np.abs(pixels.astype(int) - np.asarray(full)).max() < 30

    def test_a_square_is_as_sharp_as_its_picture_allows(self):
        """Stripes of two pixels are gone where the decoder scales for the square as a whole."""
        picture = np.zeros((256, 256, 3), np.uint8)
        picture[:, ::4] = picture[:, 1::4] = 255
        pixels = np.zeros((64, 64, 3), np.uint8)
        decode_picture(jpeg(picture), View(square=square(4.0, 0.5, 0.5)), pixels)
        assert pixels.std() > 100

    def test_pixels_outside_are_set_and_those_inside_stay(self):
        window = View(square=square(0.5)).window((10, 10), 4)
        pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
        fill_outside(pixels, window, 99)
        assert pixels.tolist() == [[0, 1, 99, 99], [4, 5, 99, 99], [99] * 4, [99] * 4]


class TestDraws:
    def test_squares_of_a_sample_have_one_scale_and_many_places(self):
        squares = draw_squares((0.5, 2.0), np.random.default_rng(0))
        assert len(squares) == TRIES
        assert len({each.factor for each in squares}) == 1
        assert len({each.right for each in squares}) == TRIES

    def test_factors_fill_their_range(self):
        factors = [
            draw_squares((0.5, 2.0), np.random.default_rng(seed))[0].factor for seed in range(300)
        ]
        assert 0.5 <= min(factors) < 0.55
        assert 1.95 < max(factors) <= 2.0
        assert np.mean(factors) == pytest.approx(1.25, abs=0.08)

    def chosen(self, mask, most, places, classes=SAME):
        squares = [square(2.0, place, 0.5) for place in places]
        masks = list(mask)
        return first_varied(squares, masks, classes, most).right

    def test_a_square_that_one_class_fills_is_drawn_again(self):
        mask = np.zeros((60, 60), np.uint8)
        mask[:, 30:] = 7
        assert self.chosen([mask], 0.75, [0.0, 0.99, 0.5, 0.4]) == 0.5

    def test_the_last_square_is_taken_if_none_will_do(self):
        assert self.chosen([np.zeros((60, 60), np.uint8)], 0.75, [0.1, 0.2, 0.3]) == 0.3

    def test_a_share_of_one_takes_all(self):
        assert self.chosen([np.zeros((60, 60), np.uint8)], 1.0, [0.1, 0.2, 0.3]) == 0.1

    def test_pixels_without_a_label_have_no_share(self):
        mask = np.full((60, 60), 255, np.uint8)
        mask[:, 28:32], mask[:, 30:32] = 3, 4
        assert self.chosen([mask], 0.75, [0.0, 0.5, 0.99]) == 0.5

    def test_the_classes_that_are_learnt_count_not_those_of_the_mask(self):
        mask = np.zeros((60, 60), np.uint8)
        mask[:, ::2] = 9
        assert self.chosen([mask], 0.75, [0.1, 0.2, 0.3]) == 0.1
        assert self.chosen([mask], 0.75, [0.1, 0.2, 0.3], bytes(256)) == 0.3

    def test_all_masks_of_a_clip_count(self):
        empty, full = np.zeros((60, 60), np.uint8), np.full((60, 60), 5, np.uint8)
        assert self.chosen([empty, full], 0.75, [0.1, 0.2]) == 0.1
