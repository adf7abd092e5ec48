import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.fake_worlds import jpeg, mask_png, values, write
from vsda.datasets.frames import check_sizes, present_classes, read_jpeg, read_mask, remap_named
from vsda.errors import ItemError, Outcome

MASK = values(0, 1, 2, 255, width_px=9)


def outcome_of(caught):
    return caught.value.outcome


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def raw_png(bits, colour_type, stored):
    """Return a PNG of one row that holds the bytes `stored` as they are."""
    header = struct.pack(">IIBB3x", len(stored) * 8 // bits, 1, bits, colour_type)
    palette = chunk(b"PLTE", bytes(3 * 2**bits)) if colour_type == 3 else b""
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + stored))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + palette + pixels + chunk(b"IEND", b"")


def test_a_jpeg_keeps_its_bytes(tmp_path):
    write(tmp_path / "a.jpg", jpeg(10, 6))
    image = read_jpeg(tmp_path, "a.jpg")
    assert (image.data, image.width_px, image.height_px) == (jpeg(10, 6), 10, 6)


def test_a_jpeg_cut_in_its_pixels_is_unreadable(tmp_path):
    data = jpeg(64, 64)
    for size in (0, 1, 100, len(data) // 2, len(data) - 100):
        write(tmp_path / "a.jpg", data[:size])
        with pytest.raises(ItemError, match=r"a\.jpg: not a whole JPEG: ") as caught:
            read_jpeg(tmp_path, "a.jpg")
        assert outcome_of(caught) == Outcome.UNREADABLE


def test_a_png_under_the_name_of_a_jpeg_is_unreadable(tmp_path):
    write(tmp_path / "a.jpg", mask_png(MASK))
    with pytest.raises(ItemError, match="not a whole JPEG: the file is something else"):
        read_jpeg(tmp_path, "a.jpg")


def test_a_file_that_cannot_be_opened_is_unreadable(tmp_path):
    with pytest.raises(ItemError, match=r"a\.jpg: No such file") as caught:
        read_jpeg(tmp_path, "a.jpg")
    assert outcome_of(caught) == Outcome.UNREADABLE


def test_a_pipe_is_unreadable_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ItemError, match=r"a\.jpg: not a regular file") as caught:
        read_jpeg(tmp_path, "a.jpg")
    assert outcome_of(caught) == Outcome.UNREADABLE


@pytest.mark.parametrize("mode", ["P", "L", "LA"])
def test_a_mask_keeps_its_values_in_every_grey_or_palette_mode(tmp_path, mode):
    write(tmp_path / "a.png", mask_png(MASK, mode))
    mask = read_mask(tmp_path, "a.png")
    assert mask.mode == mode
    assert mask.values.dtype == np.uint8
    np.testing.assert_array_equal(mask.values, MASK)


def test_a_palette_of_four_bits_keeps_its_indices(tmp_path):
    image = Image.frombytes("P", (4, 1), bytes([0, 1, 2, 3]))
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=4)
    write(tmp_path / "a.png", buffer.getvalue())
    assert read_mask(tmp_path, "a.png").values.tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_of_any_depth_keeps_its_indices(tmp_path, bits):
    write(tmp_path / "a.png", raw_png(bits, colour_type=3, stored=bytes([0b01101100])))
    indices = [int(f"{0b01101100:08b}"[at : at + bits], 2) for at in range(0, 8, bits)]
    mask = read_mask(tmp_path, "a.png")
    assert (mask.mode, mask.values.tolist()) == ("P", [indices])


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_grey_mask_whose_values_would_be_scaled_is_unreadable(tmp_path, bits):
    write(tmp_path / "a.png", raw_png(bits, colour_type=0, stored=bytes([0b01101100])))
    with pytest.raises(ItemError) as caught:
        read_mask(tmp_path, "a.png")
    assert outcome_of(caught) == Outcome.UNREADABLE
    assert str(caught.value) == (
        f"a.png: a grey mask of {bits} bits, whose values are not kept when it is read; expected "
        "8 bits, or a palette of any depth"
    )


def test_a_grey_mask_of_8_bits_keeps_its_values_whoever_wrote_it(tmp_path):
    write(tmp_path / "a.png", raw_png(8, colour_type=0, stored=bytes([1, 17, 255])))
    assert read_mask(tmp_path, "a.png").values.tolist() == [[1, 17, 255]]


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_a_mask_in_another_mode_is_unreadable_and_the_mode_is_named(tmp_path, mode):
    write(tmp_path / "a.png", mask_png(MASK, mode))
    with pytest.raises(ItemError) as caught:
        read_mask(tmp_path, "a.png")
    assert outcome_of(caught) == Outcome.UNREADABLE
    assert str(caught.value) == f"a.png: a mask in mode {mode}, expected one of P, L, LA"


def test_a_mask_that_is_cut_or_broken_is_unreadable(tmp_path):
    rng = np.random.default_rng(0)
    data = mask_png(rng.integers(0, 3, (64, 64), dtype=np.uint8), "L")
    broken = data[:60] + bytes(20) + data[80:]
    for bad in (data[:20], data[: len(data) // 2], broken):
        write(tmp_path / "a.png", bad)
        with pytest.raises(ItemError, match=r"a\.png: not a whole PNG: ") as caught:
            read_mask(tmp_path, "a.png")
        assert outcome_of(caught) == Outcome.UNREADABLE


def test_a_mask_of_another_size_than_its_frame_is_refused(tmp_path):
    write(tmp_path / "a.jpg", jpeg(10, 6))
    image = read_jpeg(tmp_path, "a.jpg")
    check_sizes(image, values(0, width_px=10, height_px=6), "a.png")
    with pytest.raises(ItemError) as caught:
        check_sizes(image, values(0, width_px=9, height_px=6), "a.png")
    assert outcome_of(caught) == Outcome.SIZE_MISMATCH
    assert str(caught.value) == "a.png: the mask is 9x6 pixels, its frame 10x6"


def test_an_unknown_value_is_told_with_its_place():
    with pytest.raises(ItemError, match=r"sequence 'x': mask holds values \[7\]") as caught:
        remap_named(values(0, 7), {0: 0}, "sequence 'x'")
    assert outcome_of(caught) == Outcome.UNKNOWN_ID


def test_present_classes_leave_out_background_and_ignore():
    assert present_classes(values(255, 18, 0, 1)) == (1, 18)
    assert present_classes(values(0)) == ()
