import io
import re
import tarfile

import numpy as np
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tests.shards.frames import frame
from vsda.errors import ShardError
from vsda.sample import FrameFacts
from vsda.shards.idx import parse_idx
from vsda.shards.index import SequenceInfo
from vsda.shards.masks import decode_mask, encode_mask
from vsda.shards.write import write_shard
from vsda.storage import sha256_file

NAME = "davis-train-000000"
library_leaves_files_open = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_same_samples_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        write_shard(tmp_path / folder / f"{NAME}.tar", [frame(0), frame(1)])
    for suffix in ("tar", "idx"):
        first, second = (tmp_path / folder / f"{NAME}.{suffix}" for folder in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_members_are_sorted_and_have_no_trace_of_time_or_user(tmp_path):
    write_shard(tmp_path / f"{NAME}.tar", [frame(0)])
    with tarfile.open(tmp_path / f"{NAME}.tar") as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == [
        f"davis/bear/00000.{field}" for field in ("inst.png", "jpg", "json", "seg.png")
    ]
    for member in members:
        owner = (member.uname, member.gname, member.uid, member.gid)
        assert (member.mtime, member.mode, *owner) == (0, 0o644, "vsda", "vsda", 0, 0)


@library_leaves_files_open
def test_the_webdataset_library_alone_reads_the_shard(tmp_path):
    samples = [frame(0), frame(1, seg=None, inst=None)]
    write_shard(tmp_path / f"{NAME}.tar", samples)
    read = list(webdataset.WebDataset(str(tmp_path / f"{NAME}.tar"), shardshuffle=False))
    assert [row["__key__"] for row in read] == [sample.key for sample in samples]
    assert [row["jpg"] for row in read] == [sample.jpg for sample in samples]
    assert FrameFacts.from_json(read[0]["json"]) == samples[0].facts
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(read[0]["seg.png"]))), samples[0].seg)
    assert "seg.png" not in read[1]
    assert "inst.png" not in read[1]


@library_leaves_files_open
def test_the_webdataset_library_reads_keys_longer_than_a_tar_header(tmp_path):
    samples = [frame(0, "n" * 180), frame(1, "n" * 180)]
    write_shard(tmp_path / f"{NAME}.tar", samples)
    read = list(webdataset.WebDataset(str(tmp_path / f"{NAME}.tar"), shardshuffle=False))
    assert [row["__key__"] for row in read] == [sample.key for sample in samples]


@pytest.mark.parametrize("sequence", ["bear", "n" * 180])
def test_the_idx_leads_to_the_data_of_each_field(tmp_path, sequence):
    samples = [frame(0, sequence), frame(1, sequence, seg=None)]
    write_shard(tmp_path / f"{NAME}.tar", samples)
    data = (tmp_path / f"{NAME}.tar").read_bytes()
    table = parse_idx((tmp_path / f"{NAME}.idx").read_bytes())
    assert list(table.keys) == [sample.key for sample in samples]
    for row, sample in enumerate(samples):
        found = {
            name: data[at : at + size] for name, (at, size) in table.sample_fields(row).items()
        }
        assert found["jpg"] == sample.jpg
        assert found["json"] == sample.facts.to_json()
        assert found["inst.png"] == encode_mask(sample.inst)
        assert ("seg.png" in found) == (sample.seg is not None)


def test_the_info_holds_sizes_and_hashes_of_both_files(tmp_path):
    tar = tmp_path / f"{NAME}.tar"
    info = write_shard(tar, [frame(0), frame(1)])
    assert info.url == tar.name
    assert info.idx_url == f"{NAME}.idx"
    assert info.nsamples == 2
    assert info.filesize == tar.stat().st_size
    assert info.sha256 == sha256_file(tar)
    assert info.idx_sha256 == sha256_file(tar.with_suffix(".idx"))


def test_pixels_and_frames_are_counted_over_the_labelled_frames(tmp_path):
    dog = np.full((4, 6), 18, dtype=np.uint8)
    samples = [frame(0), frame(1, seg=dog), frame(2, seg=None)]
    info = write_shard(tmp_path / f"{NAME}.tar", samples)
    # frame 0: 6 person, 2 void, 16 background of 24
    assert info.class_pixels == {0: 16, 1: 6, 18: 24, 255: 2}
    assert info.class_frames == {0: 1, 1: 1, 18: 1, 255: 1}


def test_sequences_are_listed_with_their_frames_and_classes(tmp_path):
    dog = np.full((4, 6), 18, dtype=np.uint8)
    samples = [frame(3), frame(9, seg=dog), frame(0, "cows", seg=None)]
    info = write_shard(tmp_path / f"{NAME}.tar", samples)
    assert info.sequences == (
        SequenceInfo(name="bear", num_frames=2, classes=(1, 18)),
        SequenceInfo(name="cows", num_frames=1, classes=()),
    )


def test_still_images_have_no_sequences(tmp_path):
    info = write_shard(tmp_path / f"{NAME}.tar", [frame(0, None), frame(0, None, key="davis/b")])
    assert info.sequences == ()


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "no samples to write"),
        ([frame(0), frame(1, key="davis/bear/00000")], "'davis/bear/00000' comes twice"),
        ([frame(0, key="davis/a.b")], "'davis/a.b' is no key"),
        ([frame(0, key="__meta__/a")], "is no key"),
        ([frame(0, key="")], "'' is no key"),
        ([frame(0, key="/davis/a")], "is no key"),
        ([frame(0, key="davis//a")], "is no key"),
        ([frame(0, key="davis/a b")], "is no key"),
        ([frame(1), frame(0)], r"davis/bear/00000 \(frame index 0\) is out of order"),
        ([frame(1), frame(1, key="davis/bear/x")], "is out of order"),
        ([frame(0), frame(0, "cows"), frame(1)], r"00001 \(frame index 1\) is out of order"),
        ([frame(0, seg=np.zeros((6, 4), np.uint8))], "the mask is 4x6 pixels, the frame 6x4"),
        ([frame(0, inst=np.zeros((4, 5), np.uint8))], "the mask is 5x4 pixels, the frame 6x4"),
    ],
)
def test_samples_that_would_spoil_a_shard_are_refused_and_nothing_is_left(
    tmp_path, samples, message
):
    with pytest.raises(ShardError, match=message):
        write_shard(tmp_path / f"{NAME}.tar", samples)
    assert files(tmp_path) == []


def test_an_error_in_the_source_leaves_nothing(tmp_path):
    def broken():
        yield frame(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / f"{NAME}.tar", broken())
    assert files(tmp_path) == []


def test_an_error_keeps_the_shard_that_was_there(tmp_path):
    tar = tmp_path / f"{NAME}.tar"
    info = write_shard(tar, [frame(0)])
    with pytest.raises(ShardError, match="comes twice"):
        write_shard(tar, [frame(0), frame(0)])
    assert sha256_file(tar) == info.sha256
    assert files(tmp_path) == [f"{NAME}.idx", f"{NAME}.tar"]


def test_a_file_has_its_final_name_only_when_all_samples_are_in_it(tmp_path):
    def watched():
        for number in range(3):
            (name,) = files(tmp_path)
            assert re.fullmatch(rf"{NAME}\.tar\.[0-9a-f]{{16}}\.part", name)
            yield frame(number)

    write_shard(tmp_path / f"{NAME}.tar", watched())
    assert files(tmp_path) == [f"{NAME}.idx", f"{NAME}.tar"]


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_a_mask_survives_its_png(mask):
    data = encode_mask(mask)
    assert np.array_equal(decode_mask(data), mask)
    assert Image.open(io.BytesIO(data)).mode == "L"


@pytest.mark.parametrize("mask", [np.zeros((4, 6), np.int64), np.zeros((4, 6, 3), np.uint8)])
def test_other_arrays_are_no_masks(mask):
    with pytest.raises(ValueError, match=r"a mask is \(H, W\) uint8, got \(4, 6"):
        encode_mask(mask)


def test_a_tar_has_the_bytes_that_webdatasets_own_writer_gives(tmp_path):
    from webdataset.writer import TarWriter

    samples = [frame(index) for index in range(3)]
    write_shard(tmp_path / "ours.tar", samples)
    with TarWriter(
        str(tmp_path / "theirs.tar"), encoder=False, mtime=0, user="vsda", group="vsda", mode=0o644
    ) as tar:
        for sample in samples:
            tar.write(
                {
                    "__key__": sample.key,
                    "jpg": sample.jpg,
                    "json": sample.facts.to_json(),
                    "seg.png": encode_mask(sample.seg),
                    "inst.png": encode_mask(sample.inst),
                }
            )
    assert (tmp_path / "ours.tar").read_bytes() == (tmp_path / "theirs.tar").read_bytes()
