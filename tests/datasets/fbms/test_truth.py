import time

import numpy as np
import pytest

from tests.fake_fbms import PPM_CODES, pgm, ppm, regions
from tests.fake_worlds import SIZE_PX, write
from vsda.datasets.fbms.truth import read_regions
from vsda.datasets.frames import EncodedImage
from vsda.errors import ItemError, Outcome

HANG_S = 60
"""What takes longer would never end: a machine under load is slow, not a thousand times."""
FRAME = EncodedImage(data=b"", width_px=SIZE_PX, height_px=SIZE_PX)
THREE = regions(3)
GREY = (0, 128, 255)


def read(folder, data, codes=GREY, frame=FRAME, **more):
    write(folder / "truth", data)
    return read_regions(folder, "truth", frame, codes, **more)


def refusal(folder, data, outcome=Outcome.UNREADABLE, **more):
    with pytest.raises(ItemError) as caught:
        read(folder, data, **more)
    assert caught.value.outcome is outcome
    return str(caught.value)


def plain(kind, values, largest=255):
    """Return numbers as the text of a P2 or P3."""
    height_px, width_px = values.shape[:2]
    text = " ".join(map(str, values.ravel().tolist()))
    return f"P{kind} # made by hand\n{width_px} {height_px}\n{largest}\n{text}\n".encode()


def binary(kind, values, largest):
    """Return numbers as a P5 or P6 of 16 bits."""
    height_px, width_px = values.shape[:2]
    head = f"P{kind}\n{width_px} {height_px}\n{largest}\n".encode()
    return head + values.astype(">u2" if largest > 255 else "u1").tobytes()


def test_grey_values_become_regions_by_the_code_list(tmp_path):
    found = read(tmp_path, pgm(np.array(GREY)[THREE]))
    assert found.dtype == np.uint8
    assert (found == THREE).all()


def test_the_code_list_may_have_any_order(tmp_path):
    codes = (200, 3, 77)
    assert (read(tmp_path, pgm(np.array(codes)[THREE]), codes) == THREE).all()


def test_colours_become_regions(tmp_path):
    assert (read(tmp_path, ppm(np.array(PPM_CODES)[regions(4)]), PPM_CODES) == regions(4)).all()


def test_red_counts_most_and_blue_least(tmp_path):
    pixels = np.full((SIZE_PX, SIZE_PX), 1 * 65536 + 2 * 256 + 3)
    assert (read(tmp_path, ppm(pixels), (0, 66051)) == 1).all()


def test_text_is_read_as_binary_is(tmp_path):
    assert (read(tmp_path, plain(2, np.array(GREY)[THREE])) == THREE).all()
    pixels = np.stack([np.array(GREY)[THREE]] * 3, axis=-1)
    codes = tuple(value * 0x010101 for value in GREY)
    assert (read(tmp_path, plain(3, pixels), codes) == THREE).all()


def test_grey_values_of_16_bits_are_those_stored(tmp_path):
    codes = (0, 300, 65535)
    for data in (binary(5, np.array(codes)[THREE], 65535), plain(2, np.array(codes)[THREE], 65535)):
        assert (read(tmp_path, data, codes) == THREE).all()


def test_colours_of_16_bits_are_those_of_8(tmp_path):
    pixels = np.stack([np.array(GREY)[THREE] * 257] * 3, axis=-1)
    codes = tuple(value * 0x010101 for value in GREY)
    assert (read(tmp_path, binary(6, pixels, 65535), codes) == THREE).all()


@pytest.mark.parametrize("largest", [1, 15, 254, 1000])
def test_values_that_pillow_would_scale_are_refused(tmp_path, largest):
    data = binary(5, np.ones((SIZE_PX, SIZE_PX)), largest)
    assert f"its values go up to {largest}, expected one of (255, 65535)" in refusal(tmp_path, data)


def test_a_code_that_is_not_listed_is_an_error_that_says_which(tmp_path):
    data = pgm(np.array((0, 128, 9))[THREE])
    message = refusal(tmp_path, data, Outcome.UNKNOWN_ID)
    num_pixels = int((THREE == 2).sum())
    assert message == (
        f"truth: {num_pixels} pixels have the code 9, which its Def.dat does not list; "
        "listed: 0, 128, 255"
    )


def test_of_many_codes_that_are_not_listed_three_are_shown(tmp_path):
    data = pgm(np.arange(64).reshape(8, 8))
    message = refusal(tmp_path, data, Outcome.UNKNOWN_ID)
    assert "63 pixels have the code 1, 2, 3, ..., which" in message


def test_a_code_that_is_not_listed_can_be_void(tmp_path):
    data = pgm(np.array((0, 128, 9))[THREE])
    found = read(tmp_path, data, unlisted_is_ignore=True)
    assert (found == np.array([0, 1, 255])[THREE]).all()


def test_a_code_above_all_listed_is_not_taken_for_the_last(tmp_path):
    data = pgm(np.full((SIZE_PX, SIZE_PX), 255))
    assert "have the code 255" in refusal(tmp_path, data, Outcome.UNKNOWN_ID, codes=(0, 128))


def test_another_size_than_the_frames_is_told(tmp_path):
    message = refusal(tmp_path, pgm(np.zeros((4, 6))), Outcome.SIZE_MISMATCH)
    assert message == "truth: the ground truth is 6x4 pixels, its frame 8x8"


@pytest.mark.parametrize(
    "size", ["65535 65535", "0 0", "8 0", "999999999 999999999", "9999999999 1", "1 1"]
)
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, size):
    start = time.monotonic()
    for kind in (2, 3, 5, 6):
        with pytest.raises(ItemError):
            read(tmp_path, f"P{kind} {size} 255\n0 0 0".encode())
    assert time.monotonic() - start < HANG_S


@pytest.mark.parametrize("kind", [2, 3])
def test_a_large_text_is_refused_before_it_is_decoded(tmp_path, kind):
    frame = EncodedImage(data=b"", width_px=4096, height_px=2048)
    message = refusal(tmp_path, f"P{kind} 4096 2048 255\n0".encode(), frame=frame)
    assert "4096x2048 pixels as text or of 48 bits, more than the 4194304 that are read" in message


def test_a_text_of_comments_is_refused_before_it_is_decoded(tmp_path):
    start = time.monotonic()
    data = b"P2 8 8 255\n" + b"#\n" * 500_000
    assert "more than 1000 comments" in refusal(tmp_path, data)
    assert time.monotonic() - start < HANG_S


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P",
        b"P5",
        b"P5\n8 8\n255\n" + bytes(63),
        b"P6\n8 8\n255\n" + bytes(191),
        b"P2\n8 8\n255\n" + b"0 " * 63,
        b"P2\n8 8\n255\n" + b"0 " * 63 + b"256",
        b"P2\n8 8\n255\n" + b"0 " * 63 + b"-1",
        b"P2\n8 8\n255\n" + b"0 " * 63 + b"x",
        b"P5\n8 8\n70000\n" + bytes(64),
        b"P5\n8 8\n0\n" + bytes(64),
        b"P5\n8 x\n255\n" + bytes(64),
        b"P4\n8 8\n" + bytes(8),
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"P5 #" + b"x" * 100_000,
    ],
)
def test_what_is_no_whole_picture_is_told(tmp_path, data):
    assert refusal(tmp_path, data).startswith("truth: not a whole PPM or PGM: ")


def test_no_cut_and_no_flipped_byte_of_a_header_is_a_crash(tmp_path):
    whole = pgm(np.array(GREY)[THREE])
    for place in range(12):
        for data in (whole[:place], whole[:place] + b"\xff" + whole[place + 1 :]):
            try:
                read(tmp_path, data)
            except ItemError:
                continue
