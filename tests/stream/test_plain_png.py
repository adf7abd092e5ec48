import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from vsda.errors import ShardError
from vsda.shards.write import encode_mask
from vsda.stream.plain_png import decode_plain_mask, same_as_pillow
from vsda.stream.transforms import open_mask


def mask(height_px=40, width_px=56):
    values = np.random.default_rng(0).integers(0, 91, (height_px, width_px), dtype=np.uint8)
    values[: height_px // 2, : width_px // 2] = 18
    return values


def png(values, mode=None, **options):
    file = io.BytesIO()
    Image.fromarray(values, mode).save(file, "PNG", **options)
    return file.getvalue()


def with_chunk(data, kind, content, at=33):
    """Return a PNG with one more chunk, behind the header unless `at` says otherwise."""
    check = zlib.crc32(kind + content)
    return (
        data[:at]
        + struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", check)
        + data[at:]
    )


def test_this_machine_uses_the_faster_decoder():
    assert same_as_pillow()


@pytest.mark.parametrize("size", [(1, 1), (40, 56), (7, 300), (301, 2)])
def test_plain_masks_are_what_was_written(size):
    values = mask(*size)
    assert np.array_equal(np.asarray(decode_plain_mask(encode_mask(values))), values)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        encode_mask(mask())[:16],
        png(np.stack([mask()] * 3, axis=-1)),
        png(mask().astype(np.uint16) * 257),
        with_chunk(encode_mask(mask()), b"tRNS", b"\0\x12"),
        with_chunk(encode_mask(mask()), b"IHDR", struct.pack(">II5B", 9, 9, 8, 0, 0, 0, 0)),
        with_chunk(encode_mask(mask()), b"IDAT", b"x", at=8),
    ],
)
def test_what_is_no_plain_mask_is_left_to_pillow(data):
    assert decode_plain_mask(data) is None


def test_no_bit_that_turned_becomes_a_class():
    """Flip a bit of every byte: the mask is refused, or is the one that was written."""
    values = mask()
    sound = encode_mask(values)
    for at in range(len(sound)):
        data = bytearray(sound)
        data[at] ^= 1 << at % 8
        try:
            found = np.asarray(open_mask(bytes(data)))
        except ShardError:
            continue
        assert np.array_equal(found, values), at


def test_a_mask_larger_than_any_is_not_decoded():
    header = struct.pack(">II5B", 1 << 16, 1 << 16, 8, 0, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    huge += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    assert decode_plain_mask(huge + struct.pack(">I", 0) + b"IEND\xaeB`\x82") is None


@pytest.mark.parametrize("at", [-1, -13, 60])
def test_a_mask_that_lost_its_end_is_damaged(at):
    with pytest.raises(ShardError, match="cannot be decoded"):
        open_mask(encode_mask(mask())[:at])
