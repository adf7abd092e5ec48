"""YouTube-BoundingBoxes: its detection tables as videos with rows and spans.

A row is a box, or the word that there is none, for one object at one time, once a second. Rows of
one class and object of a video are a segment; overlapping segments of a video form a span, and a
span becomes a sequence of frames. Nothing but the table is read here: the videos are elsewhere.
"""

import bisect
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsda.datasets.youtube_bb.rows import PRESENCES, BadRow
from vsda.datasets.youtube_bb.spans import Intervals, find_segments, merge
from vsda.datasets.youtube_bb.table import Columns, Count, Table, bad_rows_text, read_table
from vsda.errors import DatasetError
from vsda.sample import PRESENT
from vsda.taxonomy import ClassSet

DATASET = "ytbb"
MAX_BAD_SHARE = 0.01
"""A file with a larger share of bad rows is taken for a damaged one."""
_MAX_OBJECTS = 1 << 32


@dataclass(frozen=True, slots=True)
class BoxRow:
    """What is known of one object at one time.

    Attributes:
        timestamp_ms: On the player's timeline.
        coco_id: Class of the object, as a COCO id.
        object_id: Number of the object among those of its class in the video.
        presence: `present`, `absent` or `uncertain`.
        box: xmin, xmax, ymin, ymax as fractions of the frame; None unless present.
    """

    timestamp_ms: int
    coco_id: int
    object_id: int
    presence: str
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a video from its first row to its last, both inside."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Video:
    """A video's rows by time, class and object, and the spans that they cover, by time."""

    youtube_id: str
    rows: tuple[BoxRow, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Annotations:
    """The rows of the chosen classes, kept as arrays; a video's rows are made when asked for.

    Attributes:
        sha256: Hash of what the chosen rows say. The order of the file's rows, repeated rows, a
            header and gzip change nothing.
        youtube_ids: The videos with at least one row, ascending.
        num_rows: Rows of the chosen classes.
        num_segments: Runs of rows of one object.
        num_spans: Stretches of video to be decoded.
        spans_ms: Their length in all.
        num_rows_in_file: All rows of the file.
        num_other_class: Rows left out since their class was not chosen.
        num_none: Rows left out since COCO has no such class: those in which nothing is tracked.
        num_repeated: Rows left out since another says the same.
        bad: Rows left out since something is wrong with them, by kind; at most `MAX_BAD_SHARE`.
        has_header: The file starts with a line of column names.
    """

    sha256: str
    youtube_ids: list[str] = field(repr=False)
    num_rows: int
    num_segments: int
    num_spans: int
    spans_ms: int
    num_rows_in_file: int
    num_other_class: int
    num_none: int
    num_repeated: int
    bad: Mapping[BadRow, Count]
    has_header: bool
    columns: Columns = field(repr=False)
    row_starts: NDArray[np.int64] = field(repr=False)
    spans: Intervals = field(repr=False)
    span_starts: NDArray[np.int64] = field(repr=False)

    @property
    def num_bad(self) -> int:
        """The number of bad rows."""
        return sum(count.num_rows for count in self.bad.values())

    def video(self, youtube_id: str) -> Video:
        """Return the rows and spans of a video.

        Raises:
            DatasetError: It has no rows of the chosen classes.
        """
        number = bisect.bisect_left(self.youtube_ids, youtube_id)
        if self.youtube_ids[number : number + 1] != [youtube_id]:
            raise DatasetError(f"video {youtube_id}: has no rows of the chosen classes")
        rows = slice(self.row_starts[number], self.row_starts[number + 1])
        spans = slice(self.span_starts[number], self.span_starts[number + 1])
        return Video(youtube_id, _rows(self.columns, rows), _spans(self.spans, spans))

    def choose(self, limit: int | None, seed: int) -> list[str]:
        """Return `limit` ids, all for None, in an order that the seed decides.

        A larger limit extends what a smaller one gives, and an id keeps its place before or after
        another whatever else the file holds.
        """

        def position(youtube_id: str) -> bytes:
            return hashlib.sha256(f"{seed}:{youtube_id}".encode()).digest()

        return sorted(self.youtube_ids, key=position)[:limit]

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know of the file."""
        notes = []
        if self.has_header:
            notes.append("the table starts with a line of column names, which was passed over")
        if self.num_none:
            notes.append(f"{self.num_none} rows of the class 'none' are left out; COCO lacks it")
        if self.num_repeated:
            notes.append(f"{self.num_repeated} rows say what another row says; each counts once")
        if self.bad:
            notes.append(
                f"{self.num_bad} of {self.num_rows_in_file} rows are left out: "
                f"{bad_rows_text(self.bad)}"
            )
        return tuple(notes)


def read_annotations(path: Path, classes: ClassSet) -> Annotations:
    """Return the rows of `classes` in a detection table, plain or gzip by its content.

    Args:
        path: Such as `yt_bb_detection_train.csv.gz`. Columns: youtube_id, timestamp_ms, class_id,
            class_name, object_id, object_presence, xmin, xmax, ymin, ymax.
        classes: Rows of other classes are left out and counted.

    Raises:
        DatasetError: No such file, not a detection table, one that ends in the middle, one with
            too many bad rows, or without a row of the chosen classes.
    """
    table = read_table(path, classes)
    tally = table.tally
    if tally.num_bad > MAX_BAD_SHARE * tally.num_rows:
        raise DatasetError(
            f"{path}: {tally.num_bad} of {tally.num_rows} rows are bad, more than "
            f"{MAX_BAD_SHARE:.0%}: {bad_rows_text(tally.bad)}; download the file again"
        )
    if not table.youtube_ids:
        raise DatasetError(
            f"{path}: none of its {tally.num_rows} rows is of the classes "
            f"{', '.join(classes.names)}; choose others with --classes"
        )
    return _annotations(table)


def sequence_name(youtube_id: str, span_index: int) -> str:
    """Return the name of the sequence made from one span of a video, from 0.

    The prefix keeps ids away from the start, where `__` and `-` have a meaning of their own.
    """
    return f"v-{youtube_id}-{span_index:03d}"


def youtube_id_of(sequence: str) -> str:
    """Return the id in a name that `sequence_name` made."""
    return sequence.removeprefix("v-").rpartition("-")[0]


def _annotations(table: Table) -> Annotations:
    columns, tally = table.columns, table.tally
    video = columns["video"]
    track = columns["coco_id"].astype(np.int64) * _MAX_OBJECTS + columns["object_id"]
    segments = find_segments(video, track, columns["time_ms"])
    spans = merge(segments)
    starts = np.arange(len(table.youtube_ids) + 1)
    return Annotations(
        sha256=table.sha256(),
        youtube_ids=table.youtube_ids,
        num_rows=len(video),
        num_segments=len(segments),
        num_spans=len(spans),
        spans_ms=int((spans.end_ms - spans.start_ms).sum()),
        num_rows_in_file=tally.num_rows,
        num_other_class=tally.num_other_class,
        num_none=tally.num_none,
        num_repeated=tally.num_repeated,
        bad=tally.bad,
        has_header=tally.has_header,
        columns=columns,
        row_starts=np.searchsorted(video, starts),
        spans=spans,
        span_starts=np.searchsorted(spans.video, starts),
    )


def _rows(columns: Columns, rows: slice) -> tuple[BoxRow, ...]:
    names = ("time_ms", "coco_id", "object_id", "presence", "box")
    values = zip(*(columns[name][rows].tolist() for name in names), strict=True)
    return tuple(
        BoxRow(time_ms, coco_id, object_id, word, tuple(box) if word == PRESENT else None)
        for time_ms, coco_id, object_id, code, box in values
        for word in (PRESENCES[code],)
    )


def _spans(spans: Intervals, chosen: slice) -> tuple[Span, ...]:
    starts, ends = spans.start_ms[chosen].tolist(), spans.end_ms[chosen].tolist()
    return tuple(Span(start, end) for start, end in zip(starts, ends, strict=True))
