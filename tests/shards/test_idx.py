import io
import tarfile

import pytest

from vsda.errors import ShardError
from vsda.shards.idx import make_idx, parse_idx, split_member


def write_tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_each_sample_is_a_line_of_field_offset_size_and_member(tmp_path):
    tar = write_tar(
        tmp_path / "a.tar",
        [("s/a.jpg", b"12345"), ("s/a.seg.png", b"x" * 513), ("s/b.jpg", b"")],
    )
    # header 512, data 512; header 512, data 1024; header 512
    assert make_idx(tar) == (
        b"v1.2 2\njpg 512 5 s/a.jpg seg.png 1536 513 s/a.seg.png\njpg 3072 0 s/b.jpg\n"
    )


def test_offsets_are_right_behind_the_extra_headers_of_long_names(tmp_path):
    tar = write_tar(tmp_path / "a.tar", [(f"{'n' * 150}/{i}.txt", b"data%d" % i) for i in range(3)])
    table = parse_idx(make_idx(tar))
    data = tar.read_bytes()
    found = [data[at : at + size] for ((at, size),) in table.spans.tolist()]
    assert found == [b"data0", b"data1", b"data2"]


def test_parsing_gives_back_keys_fields_and_spans():
    table = parse_idx(b"v1.2 2\njpg 512 5 s/a.jpg seg.png 1536 9 s/a.seg.png\njpg 3072 4 s/b.jpg\n")
    assert table.keys == ("s/a", "s/b")
    assert table.sample_fields(0) == {"jpg": (512, 5), "seg.png": (1536, 9)}
    assert table.sample_fields(1) == {"jpg": (3072, 4)}


def test_the_field_starts_after_the_first_dot_of_the_file_name():
    assert split_member("a.b/c.seg.png") == ("a.b/c", "seg.png")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "starts with '', expected 'v1.2 0'"),
        (b"v1.1 1\njpg 512 5 a.jpg\n", "starts with 'v1.1 1', expected 'v1.2 1'"),
        (b"v1.2 2\njpg 512 5 a.jpg\n", "starts with 'v1.2 2', expected 'v1.2 1'"),
        (b"v1.2 1\njpg 512 5\n", "line 2: expected <field> <offset> <size> <member>.*got 3 words"),
        (b"v1.2 1\n\n", "line 2: expected .* got 0 words"),
        (b"v1.2 1\njpg x 5 a.jpg\n", "line 2: invalid literal"),
        (b"\xff\xfe", "starts with"),
    ],
)
def test_a_damaged_idx_is_refused(data, message):
    with pytest.raises(ShardError, match=message):
        parse_idx(data)
