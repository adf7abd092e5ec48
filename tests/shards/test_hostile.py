"""Sets made to harm: each is refused with a clear error, in bounded time and memory."""

import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shards.frames import frame, jpeg
from vsda.errors import ShardError, VsdaError
from vsda.sample import FrameFacts
from vsda.shards.idx import make_idx, parse_idx, tar_members
from vsda.shards.index import ShardIndex, ShardInfo, ShardSet, load_index, open_set
from vsda.shards.masks import decode_mask, encode_mask
from vsda.shards.read import RandomAccessShards, decode_image, iterate_samples
from vsda.shards.verify import Kind, verify, verify_place

ROOT = Path(__file__).parents[2]
SIXTY_FOUR = "a" * 64


def index_document(**changes):
    """An index as JSON values, with changes to its first shard and a hash that fits."""
    info = ShardInfo(
        url="d-t-000000.tar",
        nsamples=2,
        filesize=10240,
        sha256=SIXTY_FOUR,
        idx_sha256=SIXTY_FOUR,
        class_pixels={0: 3},
        class_frames={0: 1},
    )
    index = ShardIndex(
        name="d-t", dataset="d", split="t", shards=(info, replace(info, url="b.tar"))
    )
    document = json.loads(index.to_json())
    document["shardlist"][0] |= changes
    return document


def signed(document):
    """The JSON of an index with its own hash made anew, as somebody who means harm would."""
    document["vsda"].pop("sha256", None)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["vsda"]["sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "../x.tar"}, "shards.0.url: '../x.tar' is not the name of a tar"),
        ({"url": "/etc/x.tar"}, "shards.0.url"),
        ({"url": "a/b.tar"}, "shards.0.url"),
        ({"url": "a\\b.tar"}, "shards.0.url"),
        ({"url": "a\0.tar"}, "shards.0.url"),
        ({"url": "a\n.tar"}, "shards.0.url"),
        ({"url": ".hidden.tar"}, "shards.0.url"),
        ({"url": "passwd"}, "shards.0.url"),
        ({"url": "x" * 300 + ".tar"}, "shards.0.url"),
        ({"url": "b.tar"}, "shards.1.url: 'b.tar' is not the name of a tar of its own"),
        ({"url": 7}, r"shards.0.url: Input should be a valid string"),
        ({"nsamples": -1}, "shards.0.nsamples: -1 samples do not fit into 10240 bytes"),
        ({"nsamples": 0}, "shards.0.nsamples"),
        ({"nsamples": 10**12}, "shards.0.nsamples"),
        ({"nsamples": 10**12, "filesize": 10**15}, "1000000000002 samples, more than"),
        ({"nsamples": "2"}, "shards.0.nsamples: Input should be a valid integer"),
        ({"nsamples": 2.5}, "shards.0.nsamples"),
        ({"nsamples": True}, "shards.0.nsamples"),
        ({"nsamples": None}, "shards.0.nsamples"),
        ({"filesize": 10**18}, "shards.0.filesize: 1000000000000000000 bytes is no size of a tar"),
        ({"filesize": -5}, "shards.0.filesize"),
        ({"sha256": "xyz"}, "shards.0.sha256: 'xyz' is no SHA-256"),
        ({"idx_sha256": ""}, "shards.0.idx_sha256"),
        ({"class_pixels": {"256": 1}}, "shards.0.class_pixels.256"),
        ({"class_pixels": {"x": 1}}, "shards.0.class_pixels"),
        ({"class_pixels": [1]}, "shards.0.class_pixels"),
        ({"class_frames": {"1": -1}}, "shards.0.class_frames.1"),
        ({"sequences": [{"name": "a", "num_frames": 10**9, "classes": []}]}, "sequences.0.num_fr"),
        ({"sequences": [{"name": "a"}]}, "shards.0.sequences.0.num_frames: Field required"),
        ({"sequences": {"a": 1}}, "shards.0.sequences"),
    ],
)
def test_an_index_that_says_what_cannot_be_is_refused_by_field(tmp_path, changes, message):
    (tmp_path / "d-t.index.json").write_bytes(signed(index_document(**changes)))
    with pytest.raises(ShardError, match=message):
        load_index(f"{tmp_path}/d-t.index.json")
    (verdict,) = verify_place(str(tmp_path))
    assert [row.kind for row in verdict.problems] == [Kind.INDEX]


@pytest.mark.parametrize("name", ["../d-t", "a/b", "", ".", "x\0"])
def test_the_name_of_a_set_is_the_name_of_a_file(name):
    document = index_document() | {"name": name}
    with pytest.raises(ShardError, match=r"name: .* is no name for a file"):
        ShardIndex.from_json(signed(document))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b'{"vsda": ' + b"9" * 6000 + b"}",
        b'{"vsda": {"format": 1e999}}',
        b'{"vsda": {"format": 1, "version": NaN}}',
        b'{"vsda": {"format": [1]}}',
        b"\xff\xfe\x00",
        b"null",
    ],
)
def test_other_json_is_refused(data):
    with pytest.raises(ShardError):
        ShardIndex.from_json(data)


def test_an_endless_index_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "d-t.index.json").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(VsdaError, match="more than 268435456 bytes, which no such file has"):
        load_index(f"{tmp_path}/d-t.index.json")


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "folder"])
@pytest.mark.parametrize("ending", ["-000001.tar", "-000001.idx", ".index.json"])
def test_no_reader_waits_for_what_is_no_file(davis, tmp_path, kind, ending):
    path = tmp_path / f"davis-train{ending}"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.mkdir()
    if ending == ".index.json":
        with pytest.raises(VsdaError):
            open_set(str(tmp_path / "davis-train"))
        return
    assert path.name in {row.shard for row in verify(davis)}
    with pytest.raises(VsdaError):
        RandomAccessShards(davis).read(2, ("jpg",))


class TestIdx:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("jpg -512 5 s/a.jpg", "line 2: 5 bytes at -512 are no data of a tar"),
            ("jpg -1 -1 s/a.jpg", "no data of a tar"),
            ("jpg 512 -5 s/a.jpg", "no data of a tar"),
            ("jpg 0 5 s/a.jpg", "no data of a tar"),
            ("jpg 700 5 s/a.jpg", "no data of a tar"),
            (f"jpg {512 * 10**30} 5 s/a.jpg", "line 2: "),
            (f"jpg 512 {'9' * 5000} s/a.jpg", "line 2: "),
            ("jpg 512 5 ../a.jpg", r"'../a.jpg' is no other field"),
            ("jpg 512 5 /etc/a.jpg", "is no other field"),
            ("jpg 512 5 s/a.png", "is no other field"),
            ("jpg 512 5 s/a.jpg jpg 1536 5 s/a.jpg", "is no other field"),
            ("jpg 512 5 s/a.jpg json 1536 5 s/b.json", "is no other field"),
        ],
    )
    def test_a_place_that_cannot_be_is_refused(self, line, message):
        with pytest.raises(ShardError, match=message):
            parse_idx(f"v1.2 1\n{line}\n".encode())

    def test_a_count_of_a_billion_takes_no_memory(self):
        with pytest.raises(ShardError, match=r"expected 'v1\.2 1'"):
            parse_idx(b"v1.2 1000000000\njpg 512 5 s/a.jpg\n")

    def test_no_table_is_made_for_a_field_per_sample(self):
        lines = [f"f{number} 512 5 s/a.f{number}" for number in range(200_000)]
        with pytest.raises(ShardError, match="200000 different fields, more than the 64"):
            parse_idx("\n".join(["v1.2 200000", *lines, ""]).encode())

    @pytest.mark.parametrize("place", ["512 99999999", "999424 5", f"{2**62} {2**62}"])
    def test_a_place_outside_of_the_tar_is_refused(self, davis, tmp_path, place):
        idx = f"v1.2 1\njpg {place} s/a.jpg\n".encode()
        shard_set = forged(davis, tmp_path, idx=idx, nsamples=1)
        with pytest.raises(ShardError, match=r"s/a does not lie inside of the .* bytes of its tar"):
            RandomAccessShards(shard_set).read(5, ("jpg",))
        assert Kind.COUNT in {row.kind for row in verify(shard_set)}


def forged(davis, tmp_path, idx=None, tar=None, **changes):
    """The set with another last tar or `.idx`, which its index says is right."""
    info = davis.index.shards[2]
    if idx is not None:
        (tmp_path / info.idx_url).write_bytes(idx)
        changes["idx_sha256"] = hashlib.sha256(idx).hexdigest()
    if tar is not None:
        (tmp_path / info.url).write_bytes(tar)
        changes |= {"filesize": len(tar), "sha256": hashlib.sha256(tar).hexdigest()}
    shards = (*davis.index.shards[:2], replace(info, **changes))
    return ShardSet(replace(davis.index, shards=shards), davis.folder)


def tar_of(*members):
    """A tar of (name, data, changes to its header)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, changes in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in changes.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


FACTS = frame(0).facts.to_json()


def sample_tar(**fields):
    content = {"jpg": jpeg(0), "json": FACTS, **fields}
    return tar_of(*((f"s/a.{name.replace('_', '.')}", data, {}) for name, data in content.items()))


class TestTar:
    @pytest.mark.parametrize(
        ("member", "message"),
        [
            (("../x.jpg", b"x", {}), "'../x.jpg' is not named as the field of a sample"),
            (("/etc/x.jpg", b"x", {}), "is not named as the field"),
            (("a/../../x.jpg", b"x", {}), "is not named as the field"),
            (("a/x", b"x", {}), "is not named as the field"),
            (("__meta__/x.jpg", b"x", {}), "is not named as the field"),
            (("a\nb.jpg", b"x", {}), "is not named as the field"),
            (("é.jpg", b"x", {}), "is not named as the field"),
            (("a.jpg", b"", {"type": tarfile.SYMTYPE, "linkname": "a.jpg"}), "no plain file"),
            (("a.jpg", b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}), "no plain file"),
            (("a.jpg", b"", {"type": tarfile.CHRTYPE, "devmajor": 1}), "no plain file"),
            (("a.jpg", b"", {"type": tarfile.FIFOTYPE}), "no plain file"),
            (("a.jpg", b"", {"type": tarfile.DIRTYPE}), "no plain file"),
            (("a.jpg", b"", {"pax_headers": {"size": "999999999999"}}), "which are not there"),
            (("a.jpg", b"", {"pax_headers": {"GNU.sparse.size": "9" * 15}}), "not|sparse|no plain"),
        ],
    )
    def test_a_member_that_is_no_field_of_a_sample_is_refused(
        self, davis, tmp_path, member, message
    ):
        before = set(tmp_path.parent.iterdir())
        shard_set = forged(davis, tmp_path, tar=tar_of(member), nsamples=1)
        with pytest.raises(ShardError, match=rf"davis-train-000002\.tar: .*({message})"):
            list(iterate_samples(shard_set))
        assert set(tmp_path.parent.iterdir()) == before

    @pytest.mark.parametrize("data", [b"", b"x" * 10240, b"\x1f\x8b" + b"x" * 5000])
    def test_what_is_no_tar_is_refused(self, data):
        with pytest.raises(ShardError, match="not a sound tar"):
            list(tar_members(io.BytesIO(data)))

    def test_a_tar_of_nothing_has_no_members(self):
        assert list(tar_members(io.BytesIO(bytes(10240)))) == []

    def test_a_chain_of_headers_does_not_exhaust_the_stack(self):
        header = tarfile.TarInfo("x")
        header.type = tarfile.XHDTYPE
        with pytest.raises(ShardError, match="not a sound tar"):
            list(tar_members(io.BytesIO(header.tobuf() * 5000)))

    def test_a_field_that_comes_twice_is_refused(self, davis, tmp_path):
        tar = tar_of(("a.jpg", b"1", {}), ("a.jpg", b"2", {}))
        with pytest.raises(ShardError, match="a has a field twice, or too many: jpg"):
            list(iterate_samples(forged(davis, tmp_path, tar=tar, nsamples=1)))

    def test_make_idx_refuses_it_too(self, tmp_path):
        (tmp_path / "x.tar").write_bytes(tar_of(("../x.jpg", b"x", {})))
        with pytest.raises(ShardError, match="is not named as the field"):
            make_idx(tmp_path / "x.tar")


def png_header(width_px, height_px, bits=8, colour_type=0):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBB3x", width_px, height_px, bits, colour_type)
    pixels = zlib.compress(bytes(1 << 20))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def animation():
    data = io.BytesIO()
    pictures = [Image.fromarray(np.full((4, 6), value, np.uint8)) for value in (1, 2)]
    pictures[0].save(data, "PNG", save_all=True, append_images=pictures[1:])
    return data.getvalue()


def saved(mode, kind="PNG"):
    data = io.BytesIO()
    Image.new(mode, (6, 4)).save(data, kind)
    return data.getvalue()


MASK = encode_mask(frame(0).seg)


class TestPictures:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (png_header(65_535, 65_535), "65535x65535 pixels, more than the 134217728"),
            (png_header(2**31 - 1, 2**31 - 1), "pixels, more than the"),
            (png_header(0, 0), "cannot be decoded"),
            (png_header(0, 5), "cannot be decoded"),
            (animation(), "an animation of 2 pictures"),
            (saved("RGB"), "got mode RGB"),
            (saved("P"), "got mode P"),
            (saved("1"), "got mode 1"),
            (saved("I;16"), "got mode I;16"),
            (saved("L", "JPEG"), "the file is something else"),
            (saved("L", "GIF"), "the file is something else"),
            (MASK[: len(MASK) // 2], "cannot be decoded"),
            (b"", "the file is something else"),
        ],
    )
    def test_a_mask_that_is_none_is_refused_with_its_sample(self, davis, tmp_path, data, message):
        with pytest.raises(ShardError, match=message):
            decode_mask(data)
        for field in ("seg_png", "inst_png"):
            shard_set = forged(davis, tmp_path, tar=sample_tar(**{field: data}), nsamples=1)
            with pytest.raises(ShardError, match=rf"davis-train-000002\.tar: s/a: .*{message}"):
                list(iterate_samples(shard_set))

    def test_an_image_too_large_is_refused_before_it_is_decoded(self):
        data = bytearray(jpeg(0))
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 65_535, 65_535)
        with pytest.raises(ShardError, match="65535x65535 pixels, more than the 134217728"):
            decode_image(bytes(data))

    @pytest.mark.parametrize("mode", ["L", "CMYK"])
    def test_grey_and_cmyk_jpegs_are_images(self, mode):
        assert decode_image(saved(mode, "JPEG")).shape == (4, 6, 3)


class TestFacts:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("dataset", 7),
            ("split", None),
            ("sequence", ["a"]),
            ("frame", {}),
            ("frame_index", "0"),
            ("frame_index", 1.5),
            ("width_px", True),
            ("height_px", None),
            ("labelled", 1),
            ("classes", 5),
            ("classes", ["person"]),
            ("timestamp_ms", "now"),
            ("tick", 0.5),
            ("held", "yes"),
            ("boxes", {"class": 1}),
            ("boxes", [7]),
        ],
    )
    def test_a_value_of_another_type_is_named_by_its_key(self, key, value):
        facts = json.loads(FACTS) | {key: value}
        with pytest.raises(ShardError, match=rf"not the facts of a frame: {key}"):
            FrameFacts.from_json(json.dumps(facts).encode())

    @pytest.mark.parametrize("key", ["dataset", "frame_index", "labelled"])
    def test_a_missing_key_is_named(self, key):
        facts = json.loads(FACTS)
        del facts[key]
        with pytest.raises(ShardError, match=f"{key}: Field required"):
            FrameFacts.from_json(json.dumps(facts).encode())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"class": "dog"}, "boxes.0.class: 'dog'"),
            ({"presence": None}, "boxes.0.presence: None"),
            ({"xmin": "0"}, "boxes.0.xmin: '0'"),
            ({"ymax": 1e300}, r"boxes.0.ymax: 1e\+300"),
            ({"ymin": float("nan")}, "boxes.0.ymin: nan"),
        ],
    )
    def test_a_box_of_other_types_is_named(self, change, message):
        corners = {"xmin": 0, "xmax": 0.5, "ymin": 0.25, "ymax": 1}
        box = {"class": 1, "presence": "present", **corners}
        facts = json.loads(FACTS) | {"boxes": [box | change]}
        with pytest.raises(ShardError, match=message):
            FrameFacts.from_json(json.dumps(facts).encode())

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"[" * 1_000_000, b"\xff\xfe"])
    def test_what_is_no_json_object_is_refused_with_its_sample(self, davis, tmp_path, data):
        shard_set = forged(davis, tmp_path, tar=sample_tar(json=data), nsamples=1)
        with pytest.raises(ShardError, match=r"tar: s/a: not the facts of a frame: json: "):
            list(iterate_samples(shard_set))

    def test_keys_of_later_versions_are_passed_over(self):
        facts = json.loads(FACTS) | {"later": 1}
        assert FrameFacts.from_json(json.dumps(facts).encode()) == frame(0).facts


SCRIPT = """
import sys, time
from vsda.memory import peak_bytes
from vsda.errors import ShardError
from vsda.shards.idx import tar_members
from vsda.shards.masks import decode_mask
before, start = peak_bytes(), time.monotonic()
try:
    if sys.argv[1].endswith(".tar"):
        with open(sys.argv[1], "rb") as file:
            count = sum(1 for _ in tar_members(file))
            assert count == int(sys.argv[2])
    else:
        decode_mask(open(sys.argv[1], "rb").read())
except ShardError as error:
    print(error, file=sys.stderr)
print(peak_bytes() - before, time.monotonic() - start)
"""


def measured(*arguments):
    """Return how much memory and time a child took."""
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    num_bytes, seconds = text.split()
    return int(num_bytes), float(seconds)


def test_many_members_without_a_byte_take_no_memory(tmp_path):
    header = tarfile.TarInfo("s/a.jpg").tobuf()
    with (tmp_path / "x.tar").open("wb") as file:
        for _ in range(100):
            file.write(header * 1000)
        file.write(bytes(1024))
    num_bytes, _ = measured(tmp_path / "x.tar", 100_000)
    assert num_bytes < 10_000_000


def test_a_picture_bomb_takes_no_memory(tmp_path):
    (tmp_path / "bomb").write_bytes(png_header(60_000, 60_000))
    num_bytes, seconds = measured(tmp_path / "bomb")
    assert num_bytes < 20_000_000
    assert seconds < 10
