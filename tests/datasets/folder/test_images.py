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


PNG_START = b"\x89PNG\r\n\x1a\n"


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width_px, height_px):
    """Return a PNG that claims a size and holds next to nothing."""
    return PNG_START + b"".join(
        chunk(kind, body)
        for kind, body in [
            (b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(1000))),
            (b"IEND", b""),
        ]
    )


def grey16():
    data = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(data, "PNG")
    return data.getvalue()


def animation():
    data = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (0, 200)]
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    return data.getvalue()


def huge_part():
    """Return a GIF whose only picture is larger than its canvas says."""
    data = bytearray(picture("GIF"))
    at = data.index(b",\0\0\0\0") + 5
    data[at : at + 4] = struct.pack("<HH", 40_000, 40_000)
    return bytes(data)


def typed_wrong():
    """Return a TIFF that gives the place of its pixels as a fraction."""
    data = picture("TIFF")
    return data.replace(struct.pack("<HH", 273, 4), struct.pack("<HH", 273, 11))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("1.jpg", b"", "1.jpg: not a whole JPEG: the file is something else"),
        ("1.jpg", picture("PNG"), "1.jpg: not a whole JPEG: the file is something else"),
        ("1.jpg", jpeg(64, 64)[:-800], "1.jpg: not a whole JPEG: "),
        ("1.png", b"", "1.png: cannot be read as a picture"),
        ("1.png", picture("PNG", (64, 64))[:-30], "1.png: cannot be read as a picture"),
        ("1.png", png_of(65_000, 65_000), "1.png: cannot be read as a picture"),
        ("1.png", png_of(12_000, 12_000), "12000x12000 pixels, more than the 134217728"),
        ("1.png", png_of(0, 5), "1.png: cannot be read as a picture"),
        ("1.png", grey16(), "16 bits a colour; convert it to 8"),
        ("1.tif", picture("TIFF", mode="F"), "32 bits a colour; convert it to 8"),
        ("1.tif", picture("TIFF", mode="LAB"), "its mode is LAB; convert it to 8 bits a colour"),
        ("1.gif", animation(), "an animation of 2 pictures; make them files, or a video"),
        ("1.webp", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "1.webp: cannot be read as a picture"),
        ("1.gif", huge_part(), "1.gif: cannot be read as a picture"),
        ("1.tif", typed_wrong(), "1.tif: cannot be read as a picture"),
        ("1.tif", b"II*\x00\xff\xff\xff\xff", "1.tif: cannot be read as a picture"),
    ],
)
def test_a_broken_or_huge_picture_is_an_error_of_its_own(tmp_path, name, data, message):
    write(tmp_path / name, data)
    with pytest.raises(ItemError, match=message) as caught:
        only(tmp_path)
    assert caught.value.outcome == Outcome.UNREADABLE


def png_16(colour_type, num_bands):
    """Return a PNG of 2x2 pixels whose bands have 16 bits, which Pillow has no way to write."""
    rows = (b"\0" + struct.pack(">H", 40_000) * 2 * num_bands) * 2
    return PNG_START + b"".join(
        chunk(kind, body)
        for kind, body in [
            (b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, colour_type, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        ]
    )


def tiff_16():
    """Return an RGB TIFF of one pixel whose bands have 16 bits."""
    fields = [(256, 1), (257, 1), (258, None), (259, 1), (262, 2), (273, None), (277, 3), (279, 6)]
    bits_at = 8 + 2 + 12 * len(fields) + 4
    places = {258: bits_at, 273: bits_at + 6}
    entries = b"".join(
        struct.pack("<HHII", tag, 3, 3 if tag == 258 else 1, places.get(tag, value))
        for tag, value in fields
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4)
    return head + struct.pack("<3H", 16, 16, 16) + struct.pack("<3H", *[40_000] * 3)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("1.png", png_16(0, 1)),
        ("1.png", png_16(2, 3)),
        ("1.png", png_16(4, 2)),
        ("1.png", png_16(6, 4)),
        ("1.tif", tiff_16()),
        ("1.ppm", b"P6 1 1 65535\n" + bytes(6)),
        ("1.ppm", b"P3 1 1 65535\n1 2 3\n"),
    ],
)
def test_more_than_8_bits_a_colour_are_refused(tmp_path, name, data):
    write(tmp_path / name, data)
    with pytest.raises(ItemError, match=f"{name}: .*: 16 bits a colour; convert it to 8"):
        only(tmp_path)


@pytest.mark.parametrize("data", [b"P1 2 2\n1 0 0 1\n", b"P4 2 2\n\x80\x40"])
def test_black_or_white_is_read_too(tmp_path, data):
    write(tmp_path / "1.pnm", data)
    assert (decoded(only(tmp_path))[:, :, 0] > 128).tolist() == [[False, True], [True, False]]


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
