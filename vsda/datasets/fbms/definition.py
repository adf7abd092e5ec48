"""The `Def.dat` of a sequence of FBMS: which regions it has, and which frames have a ground truth.

A text of labels, each with its value on the next line: the number of regions, the code of each
("scale"), a matrix of penalties, the number of frames, and for every labelled frame its number
from 0, the file of its ground truth and that of its picture. Line ends, blank lines, case and
spaces may be any; all else must be as it is in the dataset.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from vsda.datasets.frames import read_file
from vsda.errors import ItemError, Outcome

MAX_REGIONS = 255
"""With the background; 255 is void in a mask of bytes."""
MAX_BYTES = 1 << 20
_MAX_CODE = 0xFFFFFF
_MAX_FRAMES = 1_000_000
_MAX_SHOWN = 60
_TITLE = "ground truth definition file"
_NUMBER = re.compile(r"[0-9]{1,10}")
_PENALTY = re.compile(r"[-+]?[0-9]{1,10}(\.[0-9]{0,10})?")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_LINE_END = re.compile(r"\r\n|\n|\r")  # str.splitlines breaks at other characters, too


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledFrame:
    """A frame that has a ground truth.

    Attributes:
        number: Position in the sequence, from 0.
        truth: Name of the file of the ground truth.
        picture: Name of the picture, which may be of another kind than the one in the archive.
        line: Where the entry starts, from 1.
    """

    number: int
    truth: str
    picture: str
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """What a `Def.dat` says.

    Attributes:
        codes: The code of every region in a ground truth, by region number; 0 is the background.
        num_frames: Frames of the sequence.
        labelled: Those that have a ground truth.
    """

    codes: tuple[int, ...]
    num_frames: int
    labelled: tuple[LabelledFrame, ...]


def read_definition(root: Path, name: str) -> Definition:
    """Return what the `Def.dat` called `name` below `root` says.

    Raises:
        ItemError: It cannot be read, or a line of it is not what is expected there; the message
            starts with name:line.
    """
    return parse_definition(_text(read_file(root, name, MAX_BYTES), name), name)


def parse_definition(text: str, name: str) -> Definition:
    """Return what the text of a `Def.dat` says; see `read_definition`."""
    lines = _Lines(text, name)
    lines.heading(_TITLE)
    num_regions = lines.number_after("total number of regions", 1, MAX_REGIONS)
    codes = _codes(lines, num_regions)
    _pass_matrix(lines, num_regions)
    num_frames = lines.number_after("total number of frames in this shot", 1, _MAX_FRAMES)
    num_labelled = lines.number_after("total number of labeled frames for this shot", 0, num_frames)
    labelled = tuple(_labelled(lines, num_labelled))
    if (line := lines.peek()) is not None:
        lines.fail(f"the end of the file, since {num_labelled} labelled frames are announced", line)
    return Definition(codes=codes, num_frames=num_frames, labelled=labelled)


class _Lines:
    """The lines of a text that are not blank, one after the other."""

    def __init__(self, text: str, name: str) -> None:
        numbered = enumerate(_LINE_END.split(text), start=1)
        self._lines = [(number, line) for number, raw in numbered if (line := raw.strip())]
        self._next = 0
        self._name = name

    @property
    def number(self) -> int:
        """The number of the line that comes next, or of the last one."""
        last = self._lines[-1][0] if self._lines else 1
        return self._lines[self._next][0] if self._next < len(self._lines) else last

    def peek(self) -> str | None:
        """Return the line that comes next, None at the end."""
        return self._lines[self._next][1] if self._next < len(self._lines) else None

    def take(self, expected: str) -> str:
        """Return the next line and pass it; `expected` is said where there is none."""
        line = self.peek()
        if line is None:
            self.fail(expected, None)
        self._next += 1
        return line

    def heading(self, start: str) -> None:
        """Pass the next line, which must start with `start`."""
        line = self.peek()
        if line is None or not _plain(line).startswith(start):
            self.fail(f"a line that starts with '{start}'", line)
        self._next += 1

    def label(self, label: str) -> None:
        """Pass the next line, which must be `label`."""
        line = self.peek()
        if line is None or _plain(line) != label:
            self.fail(f"the line '{label}:'", line)
        self._next += 1

    def number_after(self, label: str, low: int, high: int) -> int:
        """Return the number on the line after `label`, which must be from `low` to `high`."""
        self.label(label)
        expected = f"a number from {low} to {high} after '{label}:'"
        line = self.peek()
        if line is None or not _NUMBER.fullmatch(line) or not low <= int(line) <= high:
            self.fail(expected, line)
        return int(self.take(expected))

    def name_after(self, label: str, suffixes: tuple[str, ...]) -> str:
        """Return the file name on the line after `label`, with one of `suffixes` (any for none)."""
        self.label(label)
        line = self.peek()
        is_name = line is not None and _FILE_NAME.fullmatch(line) is not None
        if line is None or not is_name or (suffixes and not line.lower().endswith(suffixes)):
            kinds = f" ({' or '.join(suffixes)})" if suffixes else ""
            self.fail(f"the name of a file{kinds} without a folder after '{label}:'", line)
        return self.take(label)

    def fail(self, expected: str, found: str | None) -> NoReturn:
        """Raise an error about the line that comes next."""
        shown = "the end of the file" if found is None else repr(_short(found))
        self.refuse(self.number, f"expected {expected}, got {shown}")

    def refuse(self, line: int, message: str) -> NoReturn:
        """Raise an error about a line that was passed."""
        raise ItemError(Outcome.UNREADABLE, f"{self._name}:{line}: {message}")


def _codes(lines: _Lines, num_regions: int) -> tuple[int, ...]:
    codes: list[int] = []
    for region in range(num_regions):
        line = lines.number
        code = lines.number_after(f"scale of region {region}", 0, _MAX_CODE)
        if code in codes:
            lines.refuse(line, f"region {region} has the code {code} of another region")
        codes.append(code)
    return tuple(codes)


def _pass_matrix(lines: _Lines, num_regions: int) -> None:
    """Pass the matrix; its size must agree with the number of regions."""
    lines.heading("confusion penal")  # the dataset writes 'penality'
    wanted, found = num_regions * num_regions, 0
    while found < wanted:
        line = lines.peek()
        cells = line.split() if line is not None else []
        if not cells or not all(_PENALTY.fullmatch(cell) for cell in cells):
            lines.fail(f"{wanted - found} more numbers of the {wanted} of the penalty matrix", line)
        found += len(cells)
        if found > wanted:
            lines.fail(f"a penalty matrix of {num_regions}x{num_regions} numbers", line)
        lines.take("numbers")


def _labelled(lines: _Lines, num_labelled: int) -> Iterator[LabelledFrame]:
    seen: set[int | str] = set()
    for _ in range(num_labelled):  # a wrong number ends with the lines
        start = lines.number
        entry = LabelledFrame(
            number=lines.number_after("frame number", 0, _MAX_FRAMES),
            truth=lines.name_after("file name", (".ppm", ".pgm")),
            picture=lines.name_after("input file name", ()),
            line=start,
        )
        for value in (entry.number, entry.truth, entry.picture):
            if value in seen:
                lines.refuse(start, f"{value!r} occurs in an earlier labelled frame")
            seen.add(value)
        yield entry


def _text(data: bytes, name: str) -> str:
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ItemError(
            Outcome.UNREADABLE,
            f"{name}:{line}: expected text, got the byte 0x{data[error.start]:02x}",
        ) from error


def _plain(line: str) -> str:
    """Return a label without its colon, in lower case and with single spaces."""
    return " ".join(line.lower().removesuffix(":").split())


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
