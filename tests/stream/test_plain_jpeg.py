"""JPEGs that are decoded without a detour have the same pixels, or are left to Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from vsda.errors import ShardError
from vsda.stream.geometry import View
from vsda.stream.plain_jpeg import decode_plain, same_as_pillow
from vsda.stream.transforms import decode_picture, decode_resized

SIZE_PX = 48
NOISE = np.random.default_rng(0).integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)


def encoded(mode="RGB", kind="JPEG", pixels=NOISE, **settings):
    data = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(data, kind, **settings)
    return data.getvalue()


def plain(data):
    """Return what is decoded for a square of `SIZE_PX`, into an array of its own."""
    return decode_plain(data, SIZE_PX, np.empty((SIZE_PX, SIZE_PX, 3), np.uint8))


def by_pillow(data):
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture.convert("RGB"))


def test_the_decoders_of_this_machine_agree():
    assert same_as_pillow()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [20, 75, 95])
def test_plain_pictures_have_the_pixels_that_pillow_gives(subsampling, quality):
    data = encoded(quality=quality, subsampling=subsampling)
    assert np.array_equal(plain(data), by_pillow(data))


def test_a_picture_of_the_size_that_is_wanted_is_decoded_into_its_place():
    batch = np.zeros((3, SIZE_PX, SIZE_PX, 3), np.uint8)
    data = encoded()
    assert np.shares_memory(decode_plain(data, SIZE_PX, batch[1]), batch)
    assert np.array_equal(batch[1], by_pillow(data))
    assert not batch[::2].any()


def test_what_applications_add_before_the_header_is_passed_over():
    data = encoded(exif=b"Exif\0\0" + bytes(3000), comment=b"a comment")
    assert np.array_equal(plain(data), by_pillow(data))


@pytest.mark.parametrize(
    "data",
    [
        encoded("L"),
        encoded("CMYK"),
        encoded(progressive=True),
        encoded(kind="PNG"),
        encoded(pixels=np.tile(NOISE, (2, 2, 1))),
        encoded() + bytes(8 * SIZE_PX**2),
        encoded()[:100],
        b"\xff\xd8",
        b"",
    ],
    ids=["grey", "CMYK", "progressive", "PNG", "twice the size", "large", "cut", "start", "empty"],
)
def test_anything_else_is_left_to_pillow(data):
    assert plain(data) is None


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_cut_picture_is_told_and_not_filled_up(kept):
    data = encoded()
    cut = data[: int(kept * len(data))]
    with pytest.raises(ShardError, match=rf"an image of {len(cut)} bytes cannot be decoded"):
        decode_resized(cut, SIZE_PX)


def test_a_mirrored_picture_is_the_mirror_image():
    plain, mirrored = (np.empty((SIZE_PX, SIZE_PX, 3), np.uint8) for _ in range(2))
    decode_picture(encoded(), View(), plain)
    decode_picture(encoded(), View(mirrored=True), mirrored)
    assert np.array_equal(mirrored, plain[:, ::-1])


@pytest.mark.parametrize("sides", [(40, 48), (48, 90), (95, 60), (200, 50)])
def test_a_squeezed_picture_is_pillows_to_a_grey_level(sides):
    """Those that no decoder would scale down, of any shape; both kernels take the same weights."""
    noise = np.random.default_rng(1).integers(0, 256, (*sides, 3), dtype=np.uint8)
    data = encoded(pixels=noise)
    with Image.open(io.BytesIO(data)) as picture:
        expected = np.array(picture.resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR))
    found = decode_resized(data, SIZE_PX).permute(1, 2, 0).numpy()
    assert np.abs(found.astype(int) - expected).max() <= 1
