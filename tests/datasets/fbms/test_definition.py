import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_fbms import definition
from tests.fake_worlds import write
from vsda.datasets.fbms.definition import MAX_BYTES, parse_definition, read_definition
from vsda.errors import ItemError, Outcome

HANG_S = 60
"""What takes longer would never end: a machine under load is slow, not a thousand times."""
TEXT = definition(
    (0, 128, 255), [(0, "cars1_01.pgm", "cars1_01.ppm"), (4, "cars1_05.pgm", "cars1_05.ppm")], 10
).decode()
COUNT_LINE, MATRIX_LINE, LABELLED_LINE, FIRST_LINE, SECOND_LINE = 4, 14, 22, 24, 30


def changed(line, text):
    """Return the text with another line; lines count from 1."""
    lines = TEXT.split("\n")
    lines[line - 1] = text
    return "\n".join(lines)


def refusal(text):
    with pytest.raises(ItemError) as caught:
        parse_definition(text, "cars1Def.dat")
    assert caught.value.outcome is Outcome.UNREADABLE
    return str(caught.value)


def test_regions_and_labelled_frames_are_read():
    found = parse_definition(TEXT, "Def.dat")
    assert (found.codes, found.num_frames) == ((0, 128, 255), 10)
    assert [(row.number, row.truth, row.picture, row.line) for row in found.labelled] == [
        (0, "cars1_01.pgm", "cars1_01.ppm", 24),
        (4, "cars1_05.pgm", "cars1_05.ppm", 30),
    ]


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.replace("\n", "\n\n\t\n"),
        TEXT.replace("\n", "  \t\n"),
        TEXT.replace("\n\n", "\n"),
        TEXT.upper().replace(".PPM", ".ppm").replace(".PGM", ".pgm").replace("CARS", "cars"),
        TEXT.replace("Confusion penality matrix:", "Confusion penalty matrix"),
        TEXT.replace("0 1 1\n", "0  1.0 +1\n"),
        TEXT.rstrip(),
    ],
    ids=["crlf", "cr", "blank lines", "spaces", "no blank", "case", "penalty", "1.0", "no end"],
)
def test_the_form_may_be_any(text):
    known = parse_definition(TEXT, "Def.dat")
    found = parse_definition(text, "Def.dat")
    assert (found.codes, found.num_frames) == (known.codes, known.num_frames)
    assert [(row.number, row.truth) for row in found.labelled] == [
        (row.number, row.truth) for row in known.labelled
    ]


def test_a_byte_order_mark_is_passed_over(tmp_path):
    write(tmp_path / "Def.dat", b"\xef\xbb\xbf" + TEXT.encode())
    assert read_definition(tmp_path, "Def.dat") == parse_definition(TEXT, "Def.dat")


def test_a_file_without_labelled_frames_is_read():
    assert parse_definition(definition((0, 1), [], 3).decode(), "Def.dat").labelled == ()


@pytest.mark.parametrize(
    "count", ["1000000000", "-1", "0", "256", "²", "3.0", "0x3", "", "9" * 999]
)
def test_an_absurd_number_of_regions_is_told_with_its_line(count):
    message = refusal(changed(COUNT_LINE, count))
    assert message.startswith(f"cars1Def.dat:{4 if count else 6}: expected a number from 1 to 255")
    assert len(message) < 200


def test_more_regions_than_there_are_scales_is_told():
    assert refusal(changed(COUNT_LINE, "200")) == (
        "cars1Def.dat:13: expected the line 'scale of region 3:', got 'Confusion penality matrix:'"
    )


def test_fewer_regions_than_there_are_scales_is_told():
    assert "cars1Def.dat:10: expected a line that starts with 'conf" in refusal(
        changed(COUNT_LINE, "2")
    )


@pytest.mark.parametrize("code", ["-1", "16777216", "red"])
def test_a_code_that_no_pixel_can_have_is_told(code):
    assert "cars1Def.dat:9: expected a number from 0 to 16777215" in refusal(changed(9, code))


def test_two_regions_of_one_code_are_told():
    assert refusal(changed(11, "128")) == (
        "cars1Def.dat:10: region 2 has the code 128 of another region"
    )


def test_scales_in_another_order_are_told():
    text = changed(8, "Scale of region 2:")
    assert refusal(text).startswith("cars1Def.dat:8: expected the line 'scale of region 1:'")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0 1", "cars1Def.dat:18: expected 1 more numbers of the 9 of the penalty matrix, got 'To"),
        ("0 1 1 1", "cars1Def.dat:16: expected a penalty matrix of 3x3 numbers, got '1 1 0'"),
        ("0 x 1", "cars1Def.dat:14: expected 9 more numbers of the 9"),
    ],
)
def test_a_matrix_of_another_size_is_told(row, message):
    assert message in refusal(changed(MATRIX_LINE, row))


@pytest.mark.parametrize("count", ["1000000000", "11", "-1"])
def test_more_labelled_frames_than_frames_are_told(count):
    message = refusal(changed(LABELLED_LINE, count))
    assert message.startswith("cars1Def.dat:22: expected a number from 0 to 10 after 'total number")


def test_more_labelled_frames_than_entries_are_told():
    assert refusal(changed(LABELLED_LINE, "3")) == (
        "cars1Def.dat:35: expected the line 'frame number:', got the end of the file"
    )


def test_more_entries_than_labelled_frames_are_told():
    assert refusal(changed(LABELLED_LINE, "1")) == (
        "cars1Def.dat:30: expected the end of the file, since 1 labelled frames are announced, "
        "got 'Frame number:'"
    )


@pytest.mark.parametrize("line", [3, 6, 13, 18, 21, FIRST_LINE, FIRST_LINE + 2, FIRST_LINE + 4])
def test_a_missing_label_is_told_with_its_line(line):
    message = refusal("\n".join(TEXT.split("\n")[: line - 1] + TEXT.split("\n")[line:]))
    assert message.startswith(f"cars1Def.dat:{line}: expected ")


@pytest.mark.parametrize("length", range(0, len(TEXT) - 14, 7))
def test_a_text_that_ends_early_is_told(length):
    assert refusal(TEXT[:length]).startswith("cars1Def.dat:")


@pytest.mark.parametrize(
    "name",
    [
        "../cars1_01.pgm",
        "/etc/cars1_01.pgm",
        "a/cars1_01.pgm",
        "..\\cars1_01.pgm",
        "C:cars1_01.pgm",
        ".pgm",
        "-cars1_01.pgm",
        "cars1_01.pgm\0",
        "cars1_01.png",
        "cars 1.pgm",
        "x" * 300 + ".pgm",
    ],
)
def test_a_truth_that_is_no_plain_file_name_is_told(name):
    message = refusal(changed(FIRST_LINE + 3, name))
    assert message.startswith(
        f"cars1Def.dat:{FIRST_LINE + 3}: expected the name of a file (.ppm or .pgm) without"
    )
    assert len(message) < 250


def test_a_picture_that_is_no_plain_file_name_is_told():
    message = refusal(changed(FIRST_LINE + 5, "../../cars1_01.ppm"))
    assert message.startswith("cars1Def.dat:29: expected the name of a file without a folder after")


@pytest.mark.parametrize(("offset", "value"), [(1, "0"), (3, "cars1_01.pgm"), (5, "cars1_01.ppm")])
def test_what_occurs_twice_is_told(offset, value):
    shown = value if offset == 1 else repr(value)
    assert refusal(changed(SECOND_LINE + offset, value)) == (
        f"cars1Def.dat:30: {shown} occurs in an earlier labelled frame"
    )


@given(
    st.text(alphabet="0123456789-:.\n\r \x00Fframenumber²\u2028", max_size=20), st.integers(0, 600)
)
def test_no_change_of_the_text_is_a_crash(text, place):
    for changed_text in (TEXT[:place] + text + TEXT[place:], TEXT[:place] + text):
        with suppress(ItemError):
            parse_definition(changed_text, "Def.dat")


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path):
    write(tmp_path / "Def.dat", TEXT.encode()[:60] + b"\n\xff\xfe\x00")
    with pytest.raises(ItemError, match=r"^Def\.dat:4: expected text, got the byte 0xff$"):
        read_definition(tmp_path, "Def.dat")


def test_a_picture_in_place_of_the_text_is_told(tmp_path):
    write(tmp_path / "Def.dat", bytes(range(256)) * 100)
    with pytest.raises(ItemError, match=r"^Def\.dat:2: expected text"):
        read_definition(tmp_path, "Def.dat")


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "Def.dat").open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(ItemError, match=rf"^Def\.dat: 100000000 bytes, more than the {MAX_BYTES} "):
        read_definition(tmp_path, "Def.dat")


@pytest.mark.parametrize("filling", ["\n", "x", "x\n", "0 ", TEXT])
def test_the_largest_file_does_not_hang_the_reader(tmp_path, filling):
    text = (TEXT + filling * MAX_BYTES)[:MAX_BYTES]
    write(tmp_path / "Def.dat", text.encode())
    start = time.monotonic()
    with suppress(ItemError):
        read_definition(tmp_path, "Def.dat")
    assert time.monotonic() - start < HANG_S
