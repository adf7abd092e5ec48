import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.youtube_bb.made_rows import row
from vsda.datasets.youtube_bb.rows import BadRow, line_blocks, parse_block

FORCES_ROW_BY_ROW = b'"\n'


def verdict(line):
    """Return the kind of a bad row, None for a sound one; both ways of parsing must agree."""
    at_once = parse_block(line.encode("latin-1"), 1)
    one_by_one = parse_block(line.encode("latin-1") + FORCES_ROW_BY_ROW, 1)
    assert one_by_one.bad == [*at_once.bad, (2, BadRow.COLUMNS)]
    assert np.array_equal(one_by_one.rows, at_once.rows)
    return at_once.bad[0][1] if at_once.bad else None


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (row(), None),
        (row("-_AAAAAAAA-"), None),
        (row("__aaaaaaa__"), None),
        (row(presence="absent"), None),
        (row(presence="uncertain"), None),
        (row(class_id=9, name="potted plant"), None),
        (row(box=(0.5, 0.5, 0, 1)), None),
        (row(box=("1e-3", ".5", "0.", "1.0")), None),
        (row(class_id=22), None),
        (row()[:-1] + ",1\n", BadRow.COLUMNS),
        ("AAAAAAAAAAA,1000,0,person,present\n", BadRow.COLUMNS),
        ("AAAAAAAAAAA\n", BadRow.COLUMNS),
        ('"AAAAAAAAAAA,1000,0,person,0,present,0,1,0,1\n', BadRow.COLUMNS),
        (row(time="1.5"), BadRow.NUMBER),
        (row(time="1000.0"), BadRow.NUMBER),
        (row(time="1_000"), BadRow.NUMBER),
        (row(time=""), BadRow.NUMBER),
        (row(time="x"), BadRow.NUMBER),
        (row(time="\xb2"), BadRow.NUMBER),
        (row(time="9" * 5000), BadRow.NUMBER),
        (row(class_id="person"), BadRow.NUMBER),
        (row(object_id="a"), BadRow.NUMBER),
        (row(box=("left", 0, 0, 0)), BadRow.NUMBER),
        (row(box=("", 0, 0, 0)), BadRow.NUMBER),
        (row("AAAAAAAAAA"), BadRow.ID),
        (row("AAAAAAAAAAAA"), BadRow.ID),
        (row("AAAAAAAAAAAAAAAAA"), BadRow.ID),
        (row("AAAAAAA.AAA"), BadRow.ID),
        (row("../../../aa"), BadRow.ID),
        (row("AAAA AAAAAA"), BadRow.ID),
        (row("AAAAAAAAAA\xe9"), BadRow.ID),
        (row("AAAAAAAAAAA\0"), BadRow.ID),
        (row(""), BadRow.ID),
        (row(class_id=24), BadRow.CLASS),
        (row(class_id=-1), BadRow.CLASS),
        (row(class_id="9" * 30), BadRow.CLASS),
        (row(class_id=1, name="person"), BadRow.CLASS),
        (row(name="Person"), BadRow.CLASS),
        (row(name="person" + "n" * 40), BadRow.CLASS),
        (row(presence="here", box=(0, 1, 0, 1)), BadRow.PRESENCE),
        (row(presence="", box=(0, 1, 0, 1)), BadRow.PRESENCE),
        (row(time=-1), BadRow.TIME),
        (row(time=2**31), BadRow.TIME),
        (row(time=2**63), BadRow.TIME),
        (row(time=2**31 - 1), None),
        (row(object_id=-1), BadRow.OBJECT),
        (row(box=(0, 1.1, 0, 1)), BadRow.BOX),
        (row(box=(-0.1, 1, 0, 1)), BadRow.BOX),
        (row(box=(0.6, 0.5, 0, 1)), BadRow.BOX),
        (row(box=(0, 1, 0.6, 0.5)), BadRow.BOX),
        (row(box=(-1.0, -1.0, -1.0, -1.0)), BadRow.BOX),
        (row(box=("nan", 1, 0, 1)), BadRow.BOX),
        (row(box=("inf", 1, 0, 1)), BadRow.BOX),
        (row(presence="absent", box=(0, 1, 0, 1)), BadRow.BOX),
        (row(presence="uncertain", box=(-1, -1, -1, 0.5)), BadRow.BOX),
    ],
)
def test_each_row_is_sound_or_bad_for_one_reason(line, kind):
    assert verdict(line) is kind


def test_a_coordinate_a_hair_outside_of_the_frame_is_clipped():
    line = row(box=(-1e-6, 1.0000009, "-0.0", 1))
    assert parse_block(line.encode(), 1).rows["box"].tolist() == [[0.0, 1.0, 0.0, 1.0]]
    assert not np.signbit(parse_block(line.encode(), 1).rows["box"]).any()
    assert verdict(row(box=(-1.1e-6, 1, 0, 1))) is BadRow.BOX
    assert verdict(row(box=(0, 1, 0, 1.0000011))) is BadRow.BOX


def test_quoted_cells_and_windows_line_breaks_change_nothing():
    quoted = '"AAAAAAAAAAA","1000","0","person","0","present","0.25","0.5","0.125","0.75"\r\n'
    expected = parse_block(row().encode(), 1).rows
    assert np.array_equal(parse_block(quoted.encode(), 1).rows, expected)
    assert np.array_equal(parse_block(row().replace("\n", "\r\n").encode(), 1).rows, expected)


def test_lines_are_counted_through_bad_rows_and_empty_lines():
    data = "\n" + row() + "broken\n" + "\n" + row(time=-5) + row(time=2000)
    block = parse_block(data.encode(), 10)
    assert block.lines.tolist() == [11, 15]
    assert block.bad == [(12, BadRow.COLUMNS), (14, BadRow.TIME)]
    assert block.num_rows == 4


def test_a_block_of_empty_lines_has_no_rows():
    assert parse_block(b"\n\n", 1).num_rows == 0


def test_the_last_row_needs_no_line_break():
    assert len(parse_block((row() + row(time=2)).rstrip().encode(), 1).rows) == 2


CELLS = st.text(alphabet="0123456789.-+eE_ \"',\0naif\r\xe9", max_size=6)


@given(st.lists(st.tuples(st.integers(0, 9), CELLS), max_size=3), st.integers(0, 3))
def test_both_ways_of_parsing_agree_on_any_row(changes, more_rows):
    cells = row().strip().split(",")
    for column, text in changes:
        cells[column] = text
    data = (",".join(cells) + "\n" + row() * more_rows).encode("latin-1")
    at_once, one_by_one = parse_block(data, 1), parse_block(data + FORCES_ROW_BY_ROW, 1)
    assert np.array_equal(at_once.rows, one_by_one.rows)
    assert one_by_one.bad[:-1] == at_once.bad


@given(st.text(alphabet="a\n", max_size=60), st.integers(1, 9))
def test_blocks_are_whole_lines_and_lose_nothing(text, block_bytes):
    blocks = list(line_blocks(io.BytesIO(text.encode()), block_bytes))
    assert b"".join(blocks) == text.encode()
    assert all(block for block in blocks)
    for block in blocks[:-1]:
        assert block.endswith(b"\n") or len(block) > block_bytes


def test_a_file_without_line_breaks_does_not_grow_in_memory():
    blocks = list(line_blocks(io.BytesIO(bytes(1000)), 10))
    assert max(map(len, blocks)) <= 20
