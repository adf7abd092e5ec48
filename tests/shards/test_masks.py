"""Masks as PNG: read by anybody and from anybody, and without Pillow where they are ours."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, PngImagePlugin

from vsda.errors import ShardError
from vsda.shards import masks
from vsda.shards.masks import decode_mask, encode_mask

MASK = np.random.default_rng(0).integers(0, 91, (30, 44), dtype=np.uint8)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def by_pillow(data):
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == "L"
        return np.array(picture)


def chunk(kind, content):
    check_sum = zlib.crc32(kind + content)
    return len(content).to_bytes(4, "big") + kind + content + check_sum.to_bytes(4, "big")


def png(rows, height_px=30, width_px=44, split=None):
    """Return a PNG of compressed `rows`, in one piece or cut at `split`."""
    size = width_px.to_bytes(4, "big") + height_px.to_bytes(4, "big")
    pieces = [rows] if split is None else [rows[:split], rows[split:]]
    pixels = b"".join(chunk(b"IDAT", piece) for piece in pieces)
    return SIGNATURE + chunk(b"IHDR", size + b"\x08\0\0\0\0") + pixels + chunk(b"IEND", b"")


def filtered(kind):
    """Return the rows of `MASK`, each stored as `kind` of filter: 0 none, 1 left, 2 above."""
    left = np.pad(MASK, ((0, 0), (1, 0)))[:, :-1]
    above = np.pad(MASK, ((1, 0), (0, 0)))[:-1]
    rows = np.insert(MASK - [0 * MASK, left, above][kind], 0, kind, axis=1)
    return zlib.compress(rows.tobytes())


@pytest.fixture
def without_pillow(monkeypatch):
    def refuse(*_):
        raise AssertionError("Pillow was asked")

    monkeypatch.setattr(masks, "opened_picture", refuse)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_pillow_reads_what_we_write_and_so_do_we(mask):
    data = encode_mask(mask)
    assert np.array_equal(by_pillow(data), mask)
    assert np.array_equal(decode_mask(data), mask)


@pytest.mark.usefixtures("without_pillow")
@pytest.mark.parametrize("num_values", [1, 2, 4, 16, 256])
def test_what_we_write_is_read_without_pillow(num_values):
    mask = np.minimum(MASK, num_values - 1)
    assert np.array_equal(decode_mask(encode_mask(mask)), mask)


def test_masks_that_others_wrote_are_read(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("author", "somebody")
    Image.fromarray(MASK).save(tmp_path / "m.png", pnginfo=notes, optimize=True)
    assert np.array_equal(decode_mask((tmp_path / "m.png").read_bytes()), MASK)


@pytest.mark.parametrize("split", [None, 100])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_rows_may_be_filtered_and_cut_into_pieces(kind, split):
    data = png(filtered(kind), split=split)
    assert np.array_equal(by_pillow(data), MASK)
    assert np.array_equal(decode_mask(data), MASK)


@pytest.mark.parametrize(
    "rows",
    [
        filtered(0)[:-4] + b"none",
        b"no zlib",
        b"",
    ],
    ids=["another check sum", "else", "empty"],
)
def test_rows_that_are_not_whole_are_told(rows):
    with pytest.raises(ShardError, match="cannot be decoded"):
        decode_mask(png(rows))


@pytest.mark.usefixtures("without_pillow")
@pytest.mark.parametrize(
    "data",
    [
        png(zlib.compress(bytes(45 * 31))),
        png(zlib.compress(bytes(45 * 29))),
        png(filtered(0)[:-2]),
        png(filtered(0) + b"more"),
        png(zlib.compress(bytes(100)), height_px=2**31 - 1, width_px=2**31 - 1),
        png(filtered(0))[:-1] + b"x",
    ],
    ids=["a row more", "a row less", "cut", "more behind", "huge", "another end"],
)
def test_what_we_never_write_is_left_to_pillow(data):
    with pytest.raises(AssertionError, match="Pillow was asked"):
        decode_mask(data)


def saved_by_pillow(mask):
    data = io.BytesIO()
    Image.fromarray(mask).save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize("encode", [encode_mask, saved_by_pillow])
def test_no_bit_that_turned_becomes_a_class(encode):
    """Flip a bit of every byte: the mask is refused, or is the one that was written."""
    values = np.random.default_rng(0).integers(0, 91, (40, 56), dtype=np.uint8)
    values[:20, :28] = 18
    sound = encode(values)
    for at in range(len(sound)):
        data = bytearray(sound)
        data[at] ^= 1 << at % 8
        try:
            found = decode_mask(bytes(data))
        except ShardError:
            continue
        assert np.array_equal(found, values), at


@pytest.mark.parametrize("at", [-1, -13, 60])
def test_a_mask_that_lost_its_end_is_damaged(at):
    with pytest.raises(ShardError, match="cannot be decoded"):
        decode_mask(encode_mask(MASK)[:at])
