"""Reading a JSON file of gigabytes row by row, in little memory.

COCO's annotation files are one object whose large members are lists of small rows. They are read
in blocks, so that memory depends on the longest row and never on the file.
"""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from vsda.errors import DatasetError

MAX_ROW_CHARS = 1 << 24
"""COCO's longest row has some 100,000 characters."""
_BLOCK_CHARS = 1 << 20
_LOOK_AHEAD = 3
"""A number may be cut before 'e+1', and look whole."""
_SPACE = " \t\n\r"


@dataclass(frozen=True, slots=True)
class JsonRow:
    """One value of a list at the top of the file.

    Attributes:
        list_name: Of which list.
        index: Its place there, from 0.
        value: What it says.
        text: How it is written.
    """

    list_name: str
    index: int
    value: Any
    text: str


def json_rows(path: Path, lists: tuple[str, ...]) -> Iterator[JsonRow]:
    """Yield the rows of the lists called `lists` in the order of the file.

    Raises:
        DatasetError: It cannot be read, is not JSON in UTF-8, is no object, lacks one of the
            lists or has it twice, or a row has more than `MAX_ROW_CHARS` characters.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would keep us waiting
            raise DatasetError(f"{path}: not a regular file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _Document(path, file).rows(lists)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: expected JSON in UTF-8: {error}") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error


def strict_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; NaN and Infinity, which JSON lacks, are a ValueError."""
    return json.loads(text, parse_constant=_refuse_constant)


class _Document:
    """A JSON text and the place up to which it was read."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path, self._file = path, file
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant)
        self._text, self._at, self._num_before = "", 0, 0
        self._is_whole = False

    def rows(self, lists: tuple[str, ...]) -> Iterator[JsonRow]:
        """Yield the rows of `lists`; see `json_rows`."""
        seen: set[str] = set()
        self._expect("{", "an object with the lists " + ", ".join(lists))
        for name in self._names():
            if name in seen and name in lists:
                self._fail(f"{name!r} occurs twice")
            seen.add(name)
            if self._peek() == "[":
                yield from (row for row in self._list(name) if name in lists)
            elif name in lists:
                self._fail(f"{name!r} is no list")
            else:
                self._value(name)
        if self._peek():
            self._fail("more text after the end of the object")
        for name in lists:
            if name not in seen:
                raise DatasetError(
                    f"{self._path}: expected the lists {', '.join(lists)}; {name!r} is missing"
                )

    def _names(self) -> Iterator[str]:
        for _ in self._until("}"):
            name, _text = self._value("the name of a member")
            if not isinstance(name, str):
                self._fail("expected a name in quotes")
            self._expect(":", "a colon")
            yield name

    def _list(self, name: str) -> Iterator[JsonRow]:
        self._expect("[", "a list")
        for index in self._until("]"):
            value, text = self._value(f"{name}[{index}]")
            yield JsonRow(name, index, value, text)

    def _until(self, end: str) -> Iterator[int]:
        """Yield 0, 1, ... before each member, and go past the comma after it, up to `end`."""
        index = 0
        while index or self._peek() != end:
            yield index
            if self._peek() == end:
                break
            self._expect(",", f"a comma or {end!r}")
            index += 1
        self._at += 1

    def _expect(self, character: str, what: str) -> None:
        if self._peek() != character:
            self._fail(f"expected {what}")
        self._at += 1

    def _peek(self) -> str:
        """Return the next character that is no space, '' at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._read_on():
                return ""

    def _value(self, what: str) -> tuple[Any, str]:
        """Return the next value and how it is written."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._read_on(what):
                    self._fail(f"{what}: {error.msg}", error.pos)
            except (ValueError, RecursionError) as error:
                self._fail(f"{what}: {error}")
            else:
                if end + _LOOK_AHEAD <= len(self._text) or not self._read_on(what):
                    text, self._at = self._text[self._at : end], end
                    return value, text

    def _read_on(self, what: str = "a row") -> bool:
        """Read a block more; return False at the end of the file."""
        if self._is_whole:
            return False
        if len(self._text) - self._at > MAX_ROW_CHARS:
            self._fail(f"{what}: not whole after {MAX_ROW_CHARS} characters")
        block = self._file.read(_BLOCK_CHARS)
        if not block:
            self._is_whole = True
            return False
        self._num_before += self._at
        self._text, self._at = self._text[self._at :] + block, 0
        return True

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        place = self._num_before + (self._at if at is None else at)
        raise DatasetError(f"{self._path}: not the JSON expected, character {place}: {message}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
