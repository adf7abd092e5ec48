"""Masks that were damaged are errors, never other labels."""

import numpy as np
import pytest

from vsda.errors import ShardError
from vsda.shards.masks import decode_mask, encode_mask
from vsda.stream.transforms import open_mask


def mask(height_px=40, width_px=56):
    values = np.random.default_rng(0).integers(0, 91, (height_px, width_px), dtype=np.uint8)
    values[: height_px // 2, : width_px // 2] = 18
    return values


@pytest.mark.parametrize("decode", [open_mask, decode_mask])
def test_no_bit_that_turned_becomes_a_class(decode):
    """Flip a bit of every byte: the mask is refused, or is the one that was written."""
    values = mask()
    sound = encode_mask(values)
    assert np.array_equal(np.asarray(decode(sound)), values)
    for at in range(len(sound)):
        data = bytearray(sound)
        data[at] ^= 1 << at % 8
        try:
            found = np.asarray(decode(bytes(data)))
        except ShardError:
            continue
        assert np.array_equal(found, values), at


@pytest.mark.parametrize("at", [-1, -13, 60])
def test_a_mask_that_lost_its_end_is_damaged(at):
    with pytest.raises(ShardError, match="cannot be decoded"):
        open_mask(encode_mask(mask())[:at])
