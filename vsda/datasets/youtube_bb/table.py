"""The rows of one detection table as compact columns: read, selected, sorted, without repeats."""

import gzip
import hashlib
import io
import itertools
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsda.datasets.listing import where_to_get
from vsda.datasets.youtube_bb.rows import (
    NUM_COLUMNS,
    PRESENCES,
    BadRow,
    Block,
    line_blocks,
    parse_block,
    split_row,
)
from vsda.errors import DatasetError
from vsda.manifests import NO_CLASS, ytbb_classes
from vsda.taxonomy import ClassSet, class_ids

Columns = dict[str, NDArray[Any]]
"""`video`, `time_ms`, `coco_id`, `object_id`, `presence`, `line`: (N,); `box`: (N, 4)."""

_BLOCK_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
_NUM_CLASSIFICATION_COLUMNS = 5
_HEAD_ROWS = 100
_FIRST_ROWS = 1 << 14
_HASHED = ("time_ms", "coco_id", "object_id", "presence", "box")
NUM_LINES_KEPT = 5
"""Of each kind of bad row, the lines of so many are told."""


@dataclass(slots=True)
class Count:
    """How many rows were left out for one reason, and the first of their lines."""

    num_rows: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """Count a row."""
        self.num_rows += 1
        if len(self.lines) < NUM_LINES_KEPT:
            self.lines.append(line)


@dataclass(slots=True)
class Tally:
    """What became of the rows of a file.

    Attributes:
        num_rows: All rows.
        num_other_class: Sound rows of classes that were not chosen.
        num_none: Sound rows of the class that COCO lacks.
        num_repeated: Rows that say again what another row says.
        bad: Rows that are left out because something is wrong with them.
        has_header: The first line names the columns.
    """

    num_rows: int = 0
    num_other_class: int = 0
    num_none: int = 0
    num_repeated: int = 0
    bad: dict[BadRow, Count] = field(default_factory=dict)
    has_header: bool = False

    @property
    def num_bad(self) -> int:
        """The number of bad rows."""
        return sum(count.num_rows for count in self.bad.values())

    def add_bad(self, kind: BadRow, line: int) -> None:
        """Count a bad row."""
        self.bad.setdefault(kind, Count()).add(line)


@dataclass(frozen=True, slots=True)
class Table:
    """The chosen rows by video, time, class and object.

    Attributes:
        youtube_ids: Ids of the videos, ascending.
        columns: The rows; `video` is an index into `youtube_ids`.
        tally: What became of all rows of the file.
    """

    youtube_ids: list[str]
    columns: Columns
    tally: Tally

    def sha256(self) -> str:
        """Return the hash of the rows: of what they say, not of how the file writes it."""
        digest = hashlib.sha256(",".join(self.youtube_ids).encode())
        num_rows = np.bincount(self.columns["video"], minlength=len(self.youtube_ids))
        digest.update(num_rows.astype("<i8").tobytes())
        for name in _HASHED:
            digest.update(np.ascontiguousarray(self.columns[name]).data)
        return digest.hexdigest()


def read_table(path: Path, classes: ClassSet) -> Table:
    """Return the rows of `classes` in the detection table at `path`, plain or gzip.

    Raises:
        DatasetError: No such file, not a detection table, or one that ends in the middle.
    """
    collector = _Collector(classes)
    for block in _blocks(path, collector.tally):
        collector.add(block)
    if not collector.tally.num_rows:
        raise DatasetError(f"{path}: holds no rows; {_how_to_get()}")
    return collector.table()


class _Collector:
    """Grows the columns block by block; an id is kept once, as a number."""

    def __init__(self, classes: ClassSet) -> None:
        self.tally = Tally()
        self._coco_ids = _coco_table()
        self._is_chosen = np.isin(np.arange(256), classes.ids)
        self._numbers: dict[bytes, int] = {}
        self._columns: Columns = {}
        self._num_rows = 0

    def add(self, block: Block) -> None:
        """Count a block's rows and keep those of the chosen classes."""
        self.tally.num_rows += block.num_rows
        for line, kind in block.bad:
            self.tally.add_bad(kind, line)
        coco_ids = self._coco_ids[block.rows["class_id"]]
        is_chosen = self._is_chosen[coco_ids]
        num_none = int((coco_ids == 0).sum())
        self.tally.num_none += num_none
        self.tally.num_other_class += int((~is_chosen).sum()) - num_none
        rows = block.rows[is_chosen]
        columns: Columns = {
            "video": self._videos(rows["youtube_id"]),
            "time_ms": rows["timestamp_ms"].astype("<i4"),
            "coco_id": coco_ids[is_chosen],
            "object_id": rows["object_id"].astype("<i4"),
            "presence": _presence_codes(rows["presence"]),
            "box": rows["box"].copy(),
            "line": block.lines[is_chosen],
        }
        for name, values in columns.items():
            self._append(name, values)
        self._num_rows += len(rows)

    def table(self) -> Table:
        """Return the rows in order; those that repeat or contradict another are taken out."""
        columns = {name: column[: self._num_rows] for name, column in self._columns.items()}
        ids, columns["video"] = self._sorted_videos(columns["video"])
        order = np.lexsort([columns[name] for name in ("object_id", "coco_id", "time_ms", "video")])
        for name in list(columns):
            columns[name] = columns[name][order]
            del self._columns[name]  # one column at a time is in memory twice
        _drop_doubles(columns, self.tally)
        return _without_empty_videos(ids, columns, self.tally)

    def _append(self, name: str, values: NDArray[Any]) -> None:
        """Put rows at the end of a column; to grow, it is moved by the system, not copied."""
        column = self._columns.setdefault(
            name, np.empty((_FIRST_ROWS, *values.shape[1:]), values.dtype)
        )
        end = self._num_rows + len(values)
        if end > len(column):
            num_rows = max(end, len(column) * 5 // 4)
            column.resize((num_rows, *values.shape[1:]), refcheck=False)
        column[self._num_rows : end] = values

    def _videos(self, ids: NDArray[np.bytes_]) -> NDArray[np.int32]:
        """Return the number of each row's video; a video's rows are mostly neighbours."""
        is_first = np.ones(len(ids), dtype=np.bool_)
        is_first[1:] = ids[1:] != ids[:-1]
        numbers = [
            self._numbers.setdefault(name, len(self._numbers)) for name in ids[is_first].tolist()
        ]
        return np.repeat(
            np.array(numbers, dtype=np.int32), np.diff(np.flatnonzero(is_first), append=len(ids))
        )

    def _sorted_videos(
        self, video: NDArray[np.generic]
    ) -> tuple[NDArray[np.bytes_], NDArray[np.int32]]:
        ids = np.array(list(self._numbers), dtype="S11")
        order = np.argsort(ids)
        rank = np.empty(len(ids), dtype=np.int32)
        rank[order] = np.arange(len(ids), dtype=np.int32)
        return ids[order], rank[video]


def _coco_table() -> NDArray[np.uint8]:
    """Return the COCO id of each of YouTube-BB's class ids, 0 where COCO has none."""
    ids = class_ids()
    table = np.zeros(max(row.id for row in ytbb_classes()) + 1, dtype=np.uint8)
    for row in ytbb_classes():
        table[row.id] = 0 if row.class_name == NO_CLASS else ids[row.class_name]
    return table


def _presence_codes(words: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Return the place of each word in `PRESENCES`."""
    codes = np.zeros(len(words), dtype=np.uint8)
    for code, word in enumerate(PRESENCES):
        codes[words == word.encode()] = code
    return codes


def _drop_doubles(columns: Columns, tally: Tally) -> None:
    """Take out of sorted rows those that repeat another, and all that contradict each other."""
    is_first = np.zeros(len(columns["video"]), dtype=np.bool_)
    is_first[:1] = True
    for name in ("video", "time_ms", "coco_id", "object_id"):
        is_first[1:] |= columns[name][1:] != columns[name][:-1]
    if is_first.all():
        return
    group = np.cumsum(is_first) - 1
    first_of_group = np.flatnonzero(is_first)[group]
    differs = columns["presence"] != columns["presence"][first_of_group]
    differs |= (columns["box"] != columns["box"][first_of_group]).any(axis=1)
    is_contradicted = np.bincount(group, weights=differs)[group] > 0
    for line in np.sort(columns["line"][is_contradicted]).tolist():
        tally.add_bad(BadRow.CONTRADICTION, line)
    tally.num_repeated = int((~is_first & ~is_contradicted).sum())
    keep = is_first & ~is_contradicted
    for name in list(columns):
        columns[name] = columns[name][keep]


def _without_empty_videos(ids: NDArray[np.bytes_], columns: Columns, tally: Tally) -> Table:
    """Return the table with the ids of those videos only that have a row left."""
    used, columns["video"] = np.unique(columns["video"], return_inverse=True)
    del columns["line"]
    return Table([name.decode() for name in ids[used].tolist()], columns, tally)


def _blocks(path: Path, tally: Tally) -> Iterator[Block]:
    """Yield the rows of a file; what is wrong with the whole file is an error."""
    line = 1
    with _open(path) as file:
        try:
            for data in line_blocks(file, _BLOCK_BYTES):
                body, start = data, line
                if line == 1:
                    body = _without_header(path, data.removeprefix(b"\xef\xbb\xbf"), tally)
                    start += tally.has_header
                yield parse_block(body, start)
                line += data.count(b"\n")
        except EOFError as error:
            raise DatasetError(
                f"{path}: the gzip file ends in the middle, after line {line}; {_how_to_get()}"
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DatasetError(
                f"{path}: the gzip file is damaged after line {line}: {error}; {_how_to_get()}"
            ) from error


@contextmanager
def _open(path: Path) -> Iterator[io.BufferedIOBase]:
    """Yield the content of a file, unpacked if it starts as gzip files do."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise DatasetError(f"{path}: {error.strerror}; {_how_to_get()}") from error
        is_gzip = file.peek(2)[:2] == _GZIP_MAGIC
        yield stack.enter_context(gzip.GzipFile(fileobj=file)) if is_gzip else file


def _without_header(path: Path, data: bytes, tally: Tally) -> bytes:
    """Return the first block without a line of names, after a look at whether it is a table.

    Raises:
        DatasetError: None of its first rows has the columns of a detection table.
    """
    lines = (line for line in data.decode("latin-1").splitlines() if line.strip())
    heads = [split_row(line) for line in itertools.islice(lines, _HEAD_ROWS)]
    widths = Counter(len(cells) for cells in heads)
    if heads and NUM_COLUMNS not in widths:
        found = widths.most_common(1)[0][0]
        kind = "a classification table" if found == _NUM_CLASSIFICATION_COLUMNS else "no such table"
        raise DatasetError(
            f"{path}: is {kind}: its first rows have {found} columns, those of a detection table "
            f"{NUM_COLUMNS}; {_how_to_get()}"
        )
    tally.has_header = bool(heads) and heads[0][0].casefold() == "youtube_id"
    return data.partition(b"\n")[2] if tally.has_header else data


def _how_to_get() -> str:
    files = [f"yt_bb_detection_{name}.csv.gz" for name in ("train", "validation")]
    return f"download {where_to_get('ytbb', *files)}"


def bad_rows_text(bad: Mapping[BadRow, Count]) -> str:
    """Return the kinds of bad rows with their number and first lines, the most frequent first."""
    counts = sorted(bad.items(), key=lambda item: (-item[1].num_rows, item[0]))
    return "; ".join(
        f"{count.num_rows} with {kind} (line {', '.join(map(str, count.lines))}"
        f"{', ...' if count.num_rows > len(count.lines) else ''})"
        for kind, count in counts
    )
