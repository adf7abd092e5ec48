"""Originals made to harm: each is one failed item with its outcome, soon and in little memory."""

import io
import json
import os
import random
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.fake_worlds import DavisTree, jpeg, mask_png, values, write
from vsda.datasets.frames import read_jpeg, read_mask
from vsda.errors import ItemError, Outcome
from vsda.shards.pictures import MAX_PIXELS

ROOT = Path(__file__).parents[2]
MASK = values(0, 1, width_px=64, height_px=64)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width_px, height_px, *chunks, bits=8, colour_type=0, pixels=bytes(1 << 20)):
    header = struct.pack(">IIBB3x", width_px, height_px, bits, colour_type)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(pixels))]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IEND", b"")])


def jpeg_of(width_px, height_px, data=None):
    """A JPEG whose header says another size than its pixels have."""
    data = bytearray(data or jpeg(64, 64))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height_px, width_px)
    return bytes(data)


def saved(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def animation():
    pictures = [Image.fromarray(np.full((4, 6), value, np.uint8)) for value in (1, 2)]
    return saved(pictures[0], "PNG", save_all=True, append_images=pictures[1:])


def progressive_bomb():
    """A progressive JPEG whose last scan is repeated over and over."""
    data = saved(Image.new("L", (2048, 2048)), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * 5000 + data[-2:]


BOMB = zlib.compress(bytes(1 << 26))
LARGE = 12_000
BAD_JPEGS = {
    "bomb": (jpeg_of(65_535, 65_535), "65535x65535 pixels, more than the 134217728"),
    "no-pixels": (jpeg_of(0, 0), "not a whole JPEG"),
    "no-height": (jpeg_of(64, 0), "not a whole JPEG"),
    "longer": (jpeg_of(64, 65_535), "not a whole JPEG"),
    "scans": (progressive_bomb(), "scans of 2048x2048 pixels, which would take minutes"),
    "empty": (b"", "the file is something else"),
    "text": (b"<html>404</html>", "the file is something else"),
}
BAD_MASKS = {
    "bomb": (png(65_535, 65_535), "65535x65535 pixels, more than the 134217728"),
    "wide-bomb": (png(2**31 - 1, 1), "2147483647x1 pixels, more than the"),
    "no-pixels": (png(0, 0), "not a whole PNG"),
    "no-height": (png(5, 0), "not a whole PNG"),
    "profile-bomb": (png(4, 4, chunk(b"iCCP", b"x\0\0" + BOMB)), "not a whole PNG"),
    "text-bomb": (png(4, 4, chunk(b"zTXt", b"x\0\0" + BOMB)), "not a whole PNG"),
    "utf-bomb": (png(4, 4, chunk(b"iTXt", b"x\0\1\0\0\0" + BOMB)), "not a whole PNG"),
    "texts": (png(4, 4, *[chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1 << 20)))] * 80), "not"),
    "second-header": (png(4, 4)[:8] + chunk(b"tEXt", b"IHDR") + png(4, 4)[8:], "first chunk"),
    "animated": (animation(), "an animation of 2 pictures"),
    "deep": (mask_png(MASK, "I;16"), "a mask in mode I;16"),
    "deep-alpha": (png(4, 4, bits=16, colour_type=4), "a mask in mode RGBA"),
    "colour": (mask_png(MASK, "RGB"), "a mask in mode RGB"),
    "empty": (b"", "the file is something else"),
}


def refused(read, folder, name, message):
    with pytest.raises(ItemError, match=message) as caught:
        read(folder, name)
    assert caught.value.outcome == Outcome.UNREADABLE


@pytest.mark.parametrize(("data", "message"), BAD_JPEGS.values(), ids=BAD_JPEGS)
def test_a_bad_jpeg_is_unreadable(tmp_path, data, message):
    write(tmp_path / "a.jpg", data)
    refused(read_jpeg, tmp_path, "a.jpg", rf"a\.jpg: .*{message}")


@pytest.mark.parametrize(("data", "message"), BAD_MASKS.values(), ids=BAD_MASKS)
def test_a_bad_mask_is_unreadable(tmp_path, data, message):
    write(tmp_path / "a.png", data)
    refused(read_mask, tmp_path, "a.png", rf"a\.png: .*{message}")


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_picture_cut_anywhere_before_its_last_bytes_is_unreadable(tmp_path, kind):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 3, (64, 64), dtype=np.uint8)
    data = jpeg(64, 64) if kind == "jpg" else mask_png(noise, "L")
    read = read_jpeg if kind == "jpg" else read_mask
    sizes = range(0, len(data) - 64, 64)
    for size in random.Random(1).sample(sizes, min(25, len(sizes))):
        write(tmp_path / "a", data[:size])
        refused(read, tmp_path, "a", "a: not a whole")


@pytest.mark.parametrize("read", [read_jpeg, read_mask])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "nowhere", "link-to-device"])
def test_what_is_no_file_is_unreadable_and_nobody_waits(tmp_path, kind, read):
    path = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        targets = {"loop": path, "nowhere": tmp_path / "x"}
        path.symlink_to(targets.get(kind, "/dev/zero"))
    refused(read, tmp_path, "a", "a: (not a regular file|Too many levels|No such file)")


def test_a_link_to_a_file_is_read(tmp_path):
    write(tmp_path / "b.jpg", jpeg(10, 6))
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    assert read_jpeg(tmp_path, "a.jpg").width_px == 10


def test_an_endless_file_is_not_read(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(1 << 40)
    refused(read_jpeg, tmp_path, "a.jpg", "1099511627776 bytes, more than the 268435456")


@pytest.mark.parametrize(
    "name", ["a\nb.jpg", "\N{SNOWMAN}\N{GRINNING FACE}.jpg", "x" * 251 + ".jpg"]
)
def test_odd_names_are_read(tmp_path, name):
    write(tmp_path / name, jpeg(10, 6))
    assert read_jpeg(tmp_path, name).width_px == 10


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 300 + ".jpg"])
def test_names_that_no_file_can_have_are_unreadable(tmp_path, name):
    refused(read_jpeg, tmp_path, name, "embedded null|File name too long")


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_keep_their_bytes(tmp_path, mode):
    data = saved(Image.new(mode, (10, 6)), "JPEG")
    write(tmp_path / "a.jpg", data)
    assert read_jpeg(tmp_path, "a.jpg").data == data


def test_an_interlaced_mask_keeps_its_values(tmp_path):
    # Adam7 of a 1x1 picture has the first pass alone
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1)
    pixels = chunk(b"IDAT", zlib.compress(b"\0\x11"))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    write(tmp_path / "a.png", start + pixels + chunk(b"IEND", b""))
    assert read_mask(tmp_path, "a.png").values.tolist() == [[17]]


def test_a_row_of_65535_pixels_is_a_picture(tmp_path):
    write(tmp_path / "a.png", mask_png(np.ones((1, 65_535), np.uint8), "L"))
    assert read_mask(tmp_path, "a.png").values.shape == (1, 65_535)


def test_a_picture_that_makes_pillow_warn_of_bombs_is_read_without_a_word(tmp_path):
    assert Image.MAX_IMAGE_PIXELS < LARGE * LARGE * 0.7 < MAX_PIXELS
    picture = saved(Image.new("L", (LARGE, int(LARGE * 0.7))), "PNG", compress_level=1)
    write(tmp_path / "a.png", picture)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert read_mask(tmp_path, "a.png").values.shape == (int(LARGE * 0.7), LARGE)
    assert told == []


def test_texts_of_a_usual_size_do_no_harm(tmp_path):
    texts = PngInfo()
    texts.add_text("Comment", "made by hand " * 1000, zip=True)
    write(tmp_path / "a.png", saved(Image.fromarray(MASK), "PNG", pnginfo=texts))
    np.testing.assert_array_equal(read_mask(tmp_path, "a.png").values, MASK)


SCRIPT = """
import sys
from pathlib import Path
from vsda.memory import peak_bytes
from vsda.prepare import PrepareOptions, prepare
root, out = map(Path, sys.argv[1:])
before = peak_bytes()
prepare("davis", PrepareOptions(root=root, out=out, split="train", num_workers=1))
print(peak_bytes() - before)
"""


@pytest.fixture
def half_bad(tmp_path):
    """A DAVIS of one sequence whose every other frame has a bad image or a bad mask."""
    tree = DavisTree(tmp_path / "davis")
    bad = [*((".jpg", data) for data, _ in BAD_JPEGS.values())]
    bad += [(".png", data) for data, _ in BAD_MASKS.values()]
    tree.add("lucia", num_frames=2 * len(bad)).list("train", ["lucia"])
    for number, (suffix, data) in enumerate(bad):
        path = tree.image if suffix == ".jpg" else tree.mask
        write(path("lucia", 2 * number), data)
    return tree, len(bad)


def test_a_tree_half_of_which_is_hostile_gives_the_other_half(half_bad, tmp_path, vsda):
    tree, num_bad = half_bad
    out = tmp_path / "out"
    run = ("prepare", "davis", "--root", tree.root, "--out", out, "--split", "train")
    vsda(*run, "--workers", 1, code=3)
    report = (out / "davis-train.report.jsonl").read_text()
    rows = [json.loads(line) for line in report.splitlines()]
    assert [row["key"] for row in rows] == [
        f"davis/lucia/{2 * number:05d}" for number in range(num_bad)
    ]
    assert {row["outcome"] for row in rows} == {"unreadable"}
    assert all(f"lucia/{row['key'][-5:]}." in row["message"] for row in rows)
    index = json.loads((out / "davis-train.index.json").read_text())
    assert index["shardlist"][0]["nsamples"] == num_bad
    assert sorted(path.name for path in tmp_path.iterdir()) == ["davis", "out"]


def test_a_hostile_tree_takes_little_memory(half_bad, tmp_path):
    tree, _ = half_bad
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(tree.root), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 150_000_000
