import base64
import io

import numpy as np
import pytest
from PIL import Image

from vsda.errors import ShardError
from vsda.pages.pictures import (
    class_colours,
    jpeg_url,
    mask_url,
    object_colours,
)
from vsda.palette import class_colour
from vsda.taxonomy import class_names


def encoded(picture, kind="JPEG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def opened(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_a_small_jpeg_stays_as_it_is():
    data = encoded(Image.new("RGB", (64, 48), (200, 10, 10)))
    assert jpeg_url(data, 64) == f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def test_a_large_jpeg_is_made_smaller_with_its_proportions():
    data = encoded(Image.new("RGB", (1280, 720), (200, 10, 10)))
    picture = opened(jpeg_url(data, 640))
    assert (picture.format, picture.size) == ("JPEG", (640, 360))
    assert np.abs(np.asarray(picture)[100, 100].astype(int) - (200, 10, 10)).max() < 6


def test_a_jpeg_that_a_browser_would_turn_is_written_anew_without_that_mark():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (64, 48)), exif=exif)
    picture = opened(jpeg_url(data, 640))
    assert picture.size == (64, 48)
    assert not picture.getexif()


def test_a_cmyk_jpeg_becomes_rgb():
    assert opened(jpeg_url(encoded(Image.new("CMYK", (8, 8))), 640)).mode == "RGB"


@pytest.mark.parametrize("data", [b"", b"no picture", encoded(Image.new("RGB", (64, 48)))[:300]])
def test_a_picture_that_cannot_be_decoded_is_an_error(data):
    with pytest.raises(ShardError, match=f"a picture of {len(data)} bytes cannot be decoded"):
        jpeg_url(data, 640)


@pytest.mark.parametrize("size", [(20_000, 20_000), (65_000, 65_000)])
def test_a_picture_bomb_is_refused_before_it_is_decoded(size):
    data = bytearray(encoded(Image.new("RGB", (64, 48))))
    at = data.index(b"\xff\xc0") + 5  # height and width in the header of the frame
    data[at : at + 4] = size[1].to_bytes(2, "big") + size[0].to_bytes(2, "big")
    with pytest.raises(ShardError, match=f"{size[0]}x{size[1]} pixels, more than the"):
        jpeg_url(bytes(data), 640)


def test_a_mask_is_transparent_where_it_is_zero_and_in_its_colours_elsewhere():
    mask = np.zeros((4, 6), dtype=np.uint8)
    mask[0, :3], mask[1], mask[3, 5] = 1, 18, 255
    colours = class_colours()
    pixels = np.asarray(opened(mask_url(mask, 640, colours)).convert("RGBA"))
    for value in (1, 18, 255):
        assert (pixels[mask == value] == (*colours[value], 255)).all()
    assert (pixels[mask == 0, 3] == 0).all()


def test_a_mask_of_all_256_values_keeps_them_apart():
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = np.asarray(opened(mask_url(mask, 640, object_colours())).convert("RGBA"))
    assert len({tuple(pixel) for pixel in pixels.reshape(-1, 4)}) == 256


def test_a_large_mask_is_made_smaller_without_new_values():
    mask = np.tile(np.array([[1], [18]], dtype=np.uint8), (50, 300))
    picture = opened(mask_url(mask, 60, class_colours()))
    assert picture.size == (60, 20)
    colours = {tuple(pixel) for pixel in np.asarray(picture.convert("RGBA")).reshape(-1, 4)}
    assert colours <= {(*class_colours()[value], 255) for value in (1, 18)}


@pytest.mark.parametrize("colours", [class_colours(), object_colours()])
def test_each_value_has_a_colour_of_its_own(colours):
    assert len(colours) == len(set(colours)) == 256


def test_coco_classes_have_the_colours_of_the_palette():
    assert all(class_colours()[value] == class_colour(value) for value in class_names())
