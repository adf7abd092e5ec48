import gzip
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.datasets.youtube_bb.made_rows import BOX, row, segment
from vsda.datasets.youtube_bb import table as youtube_bb_table
from vsda.datasets.youtube_bb.annotations import (
    BoxRow,
    Span,
    read_annotations,
    sequence_name,
    youtube_id_of,
)
from vsda.datasets.youtube_bb.rows import BadRow
from vsda.errors import DatasetError
from vsda.taxonomy import ytbb_class_set

ALL = ytbb_class_set("all")
A, B, C = ("AAAAAAAAAAA", "BBBBBBBBBBB", "CCCCCCCCCCC")


@pytest.fixture
def read(tmp_path):
    """Write a table and read it."""

    def write_and_read(text, classes=ALL, name="rows.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("latin-1"))
        return read_annotations(path, classes)

    return write_and_read


class TestRows:
    def test_rows_come_by_time_class_and_object(self, read):
        lines = [
            row(A, 2000, 0, 1),
            row(A, 1000, 19, 0),
            row(A, 2000, 0, 0, "absent"),
            row(A, 1000, 1, 1, "uncertain"),
        ]
        assert read("".join(lines)).video(A).rows == (
            BoxRow(1000, 16, 1, "uncertain", None),
            BoxRow(1000, 18, 0, "present", BOX),
            BoxRow(2000, 1, 0, "absent", None),
            BoxRow(2000, 1, 1, "present", BOX),
        )

    def test_numbers_are_those_of_the_file(self, read):
        (only,) = read(row(box=(0.1, 0.371667, 0.10166667, 1.0))).video(A).rows
        assert only.box == (0.1, 0.371667, 0.10166667, 1.0)

    def test_ids_that_differ_in_case_only_are_two_videos(self, read):
        found = read(row("aaaaaaaaaaa") + row("AAAAAAAAAAA") + row("-__-_AAAAAA"))
        assert found.youtube_ids == ["-__-_AAAAAA", "AAAAAAAAAAA", "aaaaaaaaaaa"]
        assert [len(found.video(name).rows) for name in found.youtube_ids] == [1, 1, 1]

    def test_a_video_without_rows_is_an_error(self, read):
        with pytest.raises(DatasetError, match="video BBBBBBBBBBB: has no rows of the chosen"):
            read(row(A)).video(B)

    def test_rows_of_other_classes_are_left_out_and_counted(self, read):
        found = read(row(A) + row(B, class_id=19) + row(C, class_id=23), ytbb_class_set("dog"))
        assert found.youtube_ids == [B]
        assert (found.num_rows, found.num_other_class, found.num_rows_in_file) == (1, 2, 3)

    def test_rows_of_the_class_none_are_left_out_and_told(self, read):
        found = read(row(A) + row(A, class_id=22, presence="absent"))
        assert (found.num_rows, found.num_none, found.num_other_class) == (1, 1, 0)
        assert found.notes() == ("1 rows of the class 'none' are left out; COCO lacks it",)

    def test_a_table_without_a_row_of_the_classes_is_an_error(self, read):
        with pytest.raises(DatasetError, match=r"none of its 1 rows is of the classes dog; choose"):
            read(row(A), ytbb_class_set("dog"))

    def test_the_real_rows_have_17_segments_in_10_videos(self, real_samples):
        path = real_samples / "youtube_bb" / "yt_bb_detection_train.csv"
        found = read_annotations(path, ALL)
        counts = (found.num_rows, found.num_segments, len(found.youtube_ids), found.num_bad)
        assert counts == (322, 17, 10, 0)
        rows = [one for name in found.youtube_ids for one in found.video(name).rows]
        counts = Counter(one.presence for one in rows)
        assert counts == {"present": 276, "absent": 40, "uncertain": 6}


class TestSpans:
    def test_a_span_goes_from_the_first_row_of_a_segment_to_its_last(self, read):
        assert read(segment(A, 3, 22)).video(A).spans == (Span(3000, 22000),)

    def test_overlapping_and_touching_segments_become_one_span(self, read):
        text = segment(A, 0, 19) + segment(A, 10, 25, object_id=1) + segment(A, 25, 30, class_id=19)
        found = read(text)
        assert found.video(A).spans == (Span(0, 30000),)
        assert (found.num_segments, found.num_spans, found.spans_ms) == (3, 1, 30000)

    def test_segments_with_a_gap_are_two_spans(self, read):
        text = segment(A, 20, 39, object_id=1) + segment(A, 0, 19)
        assert read(text).video(A).spans == (Span(0, 19000), Span(20000, 39000))

    def test_a_segment_inside_another_changes_nothing(self, read):
        text = segment(A, 0, 19) + segment(A, 5, 6, 19) + segment(A, 8, 21, 23)
        assert read(text).video(A).spans == (Span(0, 21000),)

    def test_rows_that_are_not_present_belong_to_the_segment(self, read):
        text = row(A, 1000, presence="absent") + row(A, 2000) + row(A, 3000, presence="uncertain")
        assert read(text).video(A).spans == (Span(1000, 3000),)

    def test_objects_of_the_same_number_in_two_classes_are_two_segments(self, read):
        found = read(row(A, 0) + row(A, 50000) + row(A, 60000, 19) + row(A, 90000, 19))
        assert found.video(A).spans == (Span(0, 50000), Span(60000, 90000))

    def test_videos_do_not_share_spans(self, read):
        found = read(segment(A, 0, 9) + segment(B, 5, 20) + segment(C, 0, 0))
        assert [found.video(name).spans for name in (A, B, C)] == [
            (Span(0, 9000),),
            (Span(5000, 20000),),
            (Span(0, 0),),
        ]

    def test_spans_of_many_random_segments_are_the_union_of_their_intervals(self, read):
        rng = random.Random(0)
        pieces = []
        for number in range(60):
            start = rng.randrange(300)
            pieces.append((rng.choice((A, B)), start, start + rng.randrange(9), 0, number))
        found = read("".join(segment(*piece) for piece in pieces))
        for name in (A, B):
            inside = {s for i, a, b, *_ in pieces if i == name for s in range(2 * a, 2 * b + 1)}
            starts = sorted(s for s in inside if s - 1 not in inside)
            ends = sorted(s for s in inside if s + 1 not in inside)
            expected = tuple(Span(500 * a, 500 * b) for a, b in zip(starts, ends, strict=True))
            assert found.video(name).spans == expected

    def test_sequences_are_numbered_and_no_id_starts_their_name(self):
        assert sequence_name("__aaaaaaa__", 12) == "v-__aaaaaaa__-012"


class TestRepeats:
    def test_a_row_that_comes_twice_counts_once(self, read):
        found = read(row(A) + row(B) + row(A))
        assert len(found.video(A).rows) == 1
        assert (found.num_rows, found.num_repeated, found.num_bad) == (2, 1, 0)
        assert found.notes() == ("1 rows say what another row says; each counts once",)

    def test_rows_that_contradict_each_other_are_all_bad(self, read):
        many = segment(B, 0, 400)
        text = row(A, 0) + row(A, 0, box=(0, 1, 0, 1)) + row(A, 0) + row(A, 1000) + many
        found = read(text)
        assert [one.timestamp_ms for one in found.video(A).rows] == [1000]
        assert found.bad[BadRow.CONTRADICTION].lines == [1, 2, 3]
        assert (found.num_bad, found.num_repeated, found.num_rows) == (3, 0, 402)

    def test_present_and_absent_at_one_time_contradict_each_other(self, read):
        text = row(A, 0) + row(A, 0, presence="absent") + segment(B, 0, 400)
        found = read(text)
        assert found.youtube_ids == [B]
        assert found.bad[BadRow.CONTRADICTION].num_rows == 2


class TestBadRows:
    def test_they_are_left_out_and_counted_by_kind_with_their_lines(self, read):
        good = segment(A, 0, 999)
        bad = [row("short"), row(time=-1), "x\n", row("short", 7)] + 3 * [row("long" * 5)]
        found = read(good + "".join(bad) + segment(B, 0, 999))
        assert {kind: count.num_rows for kind, count in found.bad.items()} == {
            BadRow.COLUMNS: 1,
            BadRow.ID: 5,
            BadRow.TIME: 1,
        }
        assert found.bad[BadRow.ID].lines == [1001, 1004, 1005, 1006, 1007]
        assert (found.num_rows, found.num_rows_in_file) == (2000, 2007)
        assert found.notes()[0] == (
            "7 of 2007 rows are left out: 5 with an id that is not 11 characters of A-Z a-z 0-9 _ -"
            " (line 1001, 1004, 1005, 1006, 1007); 1 with a time below 0 or beyond 24 days "
            "(line 1002); 1 with another number of columns than 10 (line 1003)"
        )

    def test_one_in_a_hundred_is_borne_and_more_is_an_error(self, read):
        assert read(segment(A, 0, 98) + "x\n").num_bad == 1
        with pytest.raises(
            DatasetError,
            match=r"rows\.csv: 2 of 101 rows are bad, more than 1%: 2 with another number of "
            r"columns than 10 \(line 100, 101\); download the file again",
        ):
            read(segment(A, 0, 98) + "x\nx\n")

    def test_only_the_first_lines_are_told(self, read):
        text = segment(A, 0, 999) + 7 * "x\n"
        assert "(line 1001, 1002, 1003, 1004, 1005, ...)" in read(text).notes()[0]

    def test_lines_are_right_in_a_file_of_several_blocks(self, read, monkeypatch):
        monkeypatch.setattr(youtube_bb_table, "_BLOCK_BYTES", 500)
        found = read(segment(A, 0, 499) + "x\n" + segment(B, 0, 499) + "y\n")
        assert found.bad[BadRow.COLUMNS].lines == [501, 1002]
        assert found.num_rows == 1000


class TestSameInput:
    TEXT = segment(A, 0, 19) + segment(B, 3, 9, 19) + segment(A, 12, 30, 23, 1)

    def test_order_repeats_header_gzip_and_line_breaks_change_nothing(self, read):
        expected = read(self.TEXT)
        lines = self.TEXT.splitlines(keepends=True)
        random.Random(1).shuffle(lines)
        head = "youtube_id,timestamp_ms,class_id,class_name,object_id,object_presence,a,b,c,d\n"
        for text in (
            "".join(lines),
            self.TEXT + lines[0],
            "\xef\xbb\xbf" + head + self.TEXT,
            gzip.compress(self.TEXT.encode(), mtime=1),
            gzip.compress(self.TEXT.encode(), compresslevel=1),
            self.TEXT.replace("\n", "\r\n"),
        ):
            found = read(text)
            assert found.sha256 == expected.sha256
            assert [found.video(name) for name in found.youtube_ids] == [
                expected.video(name) for name in (A, B)
            ]

    @pytest.mark.parametrize(
        "other",
        [
            TEXT.replace(A, C),
            TEXT.replace("0.25", "0.26", 1),
            TEXT.replace(",19,dog,", ",1,bird,"),
            TEXT.replace("3000", "3001", 1),
            TEXT + row(A, 90000),
            TEXT.replace(",present,0.25,0.5,0.125,0.75", ",absent,-1,-1,-1,-1", 1),
        ],
    )
    def test_other_rows_have_another_hash(self, read, other):
        assert read(other).sha256 != read(self.TEXT).sha256

    def test_a_row_that_moves_to_the_next_video_changes_the_hash(self, read):
        first = row(A, 0) + row(A, 1) + row(B, 2)
        assert read(first).sha256 != read(row(A, 0) + row(B, 1) + row(B, 2)).sha256

    def test_a_header_is_told(self, read):
        found = read("YouTube_ID,b,c,d,e,f,g,h,i,j\n" + row(A) + "x\n" + segment(A, 2, 200))
        assert found.notes()[0] == (
            "the table starts with a line of column names, which was passed over"
        )
        assert found.bad[BadRow.COLUMNS].lines == [3]
        assert found.num_rows_in_file == 201


class TestFiles:
    def test_what_is_gzip_shows_in_the_content_not_in_the_name(self, read):
        assert read(gzip.compress(row().encode()), name="rows.csv").num_rows == 1
        assert read(row(), name="rows.csv.gz").num_rows == 1

    def test_a_gzip_file_that_ends_in_the_middle_is_an_error(self, read):
        data = gzip.compress(segment(A, 0, 5000).encode())
        for cut in (len(data) // 2, len(data) - 3):
            with pytest.raises(DatasetError, match="the gzip file ends in the middle, after line"):
                read(data[:cut])

    def test_a_damaged_gzip_file_is_an_error(self, read):
        whole = gzip.compress(segment(A, 0, 5000).encode())
        no_such_block, wrong_sum = bytearray(whole), bytearray(whole)
        no_such_block[10] |= 0b110
        wrong_sum[-8] ^= 1
        for data in (no_such_block, wrong_sum):
            with pytest.raises(DatasetError, match=r"the gzip file is damaged after line \d+: "):
                read(bytes(data))

    @pytest.mark.parametrize("data", [b"", b"\n \n", gzip.compress(b"", mtime=0)])
    def test_an_empty_file_is_an_error(self, read, data):
        with pytest.raises(DatasetError, match=r"holds no rows; download yt_bb_detection_train"):
            read(data)

    def test_a_classification_table_is_told(self, read):
        with pytest.raises(
            DatasetError, match="is a classification table: its first rows have 5 columns, those"
        ):
            read("AAAAAAAAAAA,1000,0,person,present\n" * 3)

    @pytest.mark.parametrize("data", [b"<html>\n<p>\n", b"PK\3\4" + bytes(999), bytes(5 << 20)])
    def test_what_is_no_table_is_told(self, read, data):
        with pytest.raises(DatasetError, match="is no such table: its first rows have 1 columns"):
            read(data)

    def test_a_missing_file_is_told_with_the_address(self, tmp_path):
        with pytest.raises(
            DatasetError, match=r"none\.csv: No such file or directory; download yt_bb_detection_tr"
        ):
            read_annotations(tmp_path / "none.csv", ALL)

    def test_a_folder_is_told(self, tmp_path):
        with pytest.raises(DatasetError, match="Is a directory"):
            read_annotations(Path(tmp_path), ALL)


class TestChoose:
    IDS = tuple(f"{number:011d}" for number in range(50))

    def test_a_larger_choice_extends_a_smaller_one(self, read):
        found = read("".join(map(row, self.IDS)))
        assert found.choose(30, 7)[:10] == found.choose(10, 7)
        assert sorted(found.choose(None, 7)) == list(self.IDS)

    def test_seeds_give_other_orders(self, read):
        found = read("".join(map(row, self.IDS)))
        assert found.choose(None, 0) != found.choose(None, 1) != list(self.IDS)

    def test_other_videos_of_the_file_do_not_change_who_comes_first(self, read):
        all_ids = read("".join(map(row, self.IDS))).choose(None, 3)
        half = read("".join(map(row, self.IDS[:25]))).choose(None, 3)
        assert half == [name for name in all_ids if name in self.IDS[:25]]

    def test_the_order_is_the_same_on_every_machine(self, read):
        # the sha256 of "0:AAAAAAAAAAA" starts with 5d, of "0:BBBBBBBBBBB" with 45, of C with 2e
        assert read(row(A) + row(B) + row(C)).choose(None, 0) == [C, B, A]


def test_a_sequence_names_its_video():
    for name in ("__aaaaaaa__", "-aaa-aaa-0-", "AAAAAAAAAAA"):
        assert youtube_id_of(sequence_name(name, 7)) == name
