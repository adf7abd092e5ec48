"""Pictures as they come: kept, encoded, made upright, or refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.datasets.folder.world import picture, samples_of
from tests.fake_worlds import jpeg, mask_png, values, write
from vsda.errors import ItemError, Outcome


def only(root, **more):
    (sample,) = samples_of(root, **more).values()
    return sample


def decoded(sample):
    return np.asarray(Image.open(io.BytesIO(sample.jpg)), dtype=np.int16)


def turned(value, size=(8, 4)):
    exif = Image.Exif()
    exif[0x0112] = value
    return picture("JPEG", size, exif=exif, quality=95, subsampling=0)


def test_a_jpeg_is_kept_byte_for_byte(tmp_path):
    write(tmp_path / "1.jpeg", jpeg(10, 6))
    sample = only(tmp_path)
    assert sample.jpg == jpeg(10, 6)
    assert (sample.facts.width_px, sample.facts.height_px) == (10, 6)
    assert (sample.facts.labelled, sample.facts.sequence, sample.seg) == (False, None, None)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("png", "PNG"), ("bmp", "BMP"), ("webp", "WEBP"), ("tif", "TIFF"), ("gif", "GIF"),
     ("ppm", "PPM"), ("PNG", "PNG")],
)  # fmt: skip
def test_other_pictures_become_jpegs(tmp_path, ending, kind):
    write(tmp_path / f"1.{ending}", picture(kind, (16, 16)))
    pixels = decoded(only(tmp_path))
    assert abs(pixels[8, 2] - (200, 0, 0)).max() < 30
    assert abs(pixels[8, 13] - (0, 0, 200)).max() < 30


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_modes_of_8_bits_become_colours(tmp_path, mode):
    image = Image.new("RGB", (8, 8), (200, 0, 0)).convert("L" if mode == "LA" else mode)
    data = io.BytesIO()
    image.convert(mode).save(data, "PNG")
    write(tmp_path / "1.png", data.getvalue())
    assert decoded(only(tmp_path)).shape == (8, 8, 3)


@pytest.mark.parametrize("value", range(2, 9))
def test_a_jpeg_that_exif_data_turns_is_made_upright_as_pillow_does(tmp_path, value):
    data = turned(value)
    write(tmp_path / "1.jpg", data)
    expected = Image.open(io.BytesIO(data))
    expected.load()
    upright = np.asarray(ImageOps.exif_transpose(expected), dtype=np.int16)
    sample = only(tmp_path)
    assert decoded(sample).shape == upright.shape
    assert abs(decoded(sample) - upright).mean() < 12
    assert (sample.facts.height_px, sample.facts.width_px) == upright.shape[:2]
    assert Image.open(io.BytesIO(sample.jpg)).getexif().get(0x0112) is None


def test_a_tiff_is_turned_once(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path / "1.tif", picture("TIFF", (8, 4), exif=exif))
    pixels = decoded(only(tmp_path))
    assert pixels.shape == (8, 4, 3)
    assert pixels[0, 0, 0] > 128 > pixels[0, 0, 2]  # red is on top


def test_a_mask_must_fit_the_upright_picture(tmp_path):
    write(tmp_path / "images/1.jpg", turned(6))
    write(tmp_path / "masks/1.png", mask_png(values(0, 1, width_px=4, height_px=8)))
    assert only(tmp_path, class_map="coco").seg.shape == (8, 4)
    write(tmp_path / "masks/1.png", mask_png(values(0, 1, width_px=8, height_px=4)))
    with pytest.raises(ItemError, match="its frame 4x8: its Exif data turns the image; turn the m"):
        only(tmp_path, class_map="coco")


def test_a_mask_of_another_size_is_refused(tmp_path):
    write(tmp_path / "images/1.jpg", jpeg(9, 6))
    write(tmp_path / "masks/1.png", mask_png(values(0, 1, width_px=6, height_px=9)))
    with pytest.raises(ItemError, match=r"the mask is 6x9 pixels, its frame 9x6$") as caught:
        only(tmp_path, class_map="coco")
    assert caught.value.outcome == Outcome.SIZE_MISMATCH


def png_of(width_px, height_px):
    """Return a PNG that claims a size and holds next to nothing."""
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [
            (b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(1000))),
            (b"IEND", b""),
        ]
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def grey16():
    data = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(data, "PNG")
    return data.getvalue()


def animation():
    data = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (0, 200)]
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("1.jpg", b"", "1.jpg: not a whole JPEG: the file is something else"),
        ("1.jpg", picture("PNG"), "1.jpg: not a whole JPEG: the file is something else"),
        ("1.jpg", jpeg(64, 64)[:-800], "1.jpg: not a whole JPEG: "),
        ("1.png", b"", "1.png: cannot be read as a picture"),
        ("1.png", picture("PNG", (64, 64))[:-30], "1.png: cannot be read as a picture"),
        ("1.png", png_of(65_000, 65_000), "1.png: cannot be read as a picture"),
        ("1.png", png_of(12_000, 12_000), "12000x12000 pixels, more than 134217728"),
        ("1.png", png_of(0, 5), "1.png: cannot be read as a picture"),
        ("1.png", grey16(), "its mode is I;16; convert it to 8 bits a colour"),
        ("1.gif", animation(), "it holds 2 pictures; make them files, or a video"),
        ("1.webp", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "1.webp: cannot be read as a picture"),
        ("1.tif", b"II*\x00\xff\xff\xff\xff", "1.tif: cannot be read as a picture"),
    ],
)
def test_a_broken_or_huge_picture_is_an_error_of_its_own(tmp_path, name, data, message):
    write(tmp_path / name, data)
    with pytest.raises(ItemError, match=message) as caught:
        only(tmp_path)
    assert caught.value.outcome == Outcome.UNREADABLE


def test_damaged_exif_data_turns_nothing(tmp_path):
    data = (
        turned(6)
        .replace(b"Exif\x00\x00MM", b"Exif\x00\x00XX")
        .replace(b"Exif\x00\x00II", b"Exif\x00\x00XX")
    )
    write(tmp_path / "1.jpg", data)
    assert only(tmp_path).jpg == data


def test_a_still_image_without_a_chosen_class_is_left_out_and_a_frame_of_a_sequence_is_kept(
    tmp_path,
):
    for name in ("s/1", "still"):
        write(tmp_path / f"images/{name}.jpg", jpeg())
        write(tmp_path / f"masks/{name}.png", mask_png(values(0)))
    assert list(samples_of(tmp_path, class_map="coco")) == ["mine/s/1"]
