"""How fast a table of YouTube-BoundingBoxes is listed, beside what a user would write.

The table is made up, with the statistics of the real one. Each reader runs in a process of its own,
so that its peak memory is its own.
"""

import csv
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vsda.datasets.youtube_bb.annotations import read_annotations
from vsda.datasets.youtube_bb.rows import RAW
from vsda.memory import peak_bytes
from vsda.taxonomy import ytbb_class_set

REAL_NUM_ROWS = 5_600_000
_SEGMENTS_PER_VIDEO = (1, 1, 1, 2, 4)
"""1.8 on average, as 380,000 segments of 210,000 videos."""
_ROWS_PER_SEGMENT = range(10, 20)
"""14.5 on average, as 5.6 million rows of 380,000 segments."""
_ABSENT_SHARE, _UNCERTAIN_SHARE = 0.12, 0.02
_SAMPLE = 10
"""The slow reader gets one row in so many."""
_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_CLASSES = (
    "0,person",
    "1,bird",
    "2,bicycle",
    "10,horse",
    "19,dog",
    "23,car",
    "7,cat",
    "9,potted plant",
)
_CORNERS = ("xmin", "xmax", "ymin", "ymax")
_COLUMNS = ("id", "time", "class_id", "class_name", "object_id", "presence", *_CORNERS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderResult:
    """What one reader needed.

    Attributes:
        reader: What read the table.
        work: What there is afterwards.
        num_rows: Rows that it read.
        seconds: Wall-clock time for all rows of the table.
        peak_mb: Peak memory of its process in 10^6 bytes, for all rows of the table.
        is_scaled: Time and memory were measured on fewer rows and multiplied.
    """

    reader: str
    work: str
    num_rows: int
    seconds: float
    peak_mb: float
    is_scaled: bool


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str
    work: str
    read: Callable[[Path], int]
    sample: int


def measure(num_rows: int = REAL_NUM_ROWS) -> list[ReaderResult]:
    """Make a table of `num_rows` and return what each reader needs for it, ours first."""
    with tempfile.TemporaryDirectory(prefix="vsda-bench-") as folder:
        paths = {sample: Path(folder) / f"{sample}.csv" for sample in (1, _SAMPLE)}
        for sample, path in paths.items():
            write_table(path, max(1, num_rows // sample))
        return [_measure(reader, paths[reader.sample]) for reader in _READERS]


def write_table(path: Path, num_rows: int, seed: int = 0) -> None:
    """Write a made-up table of `num_rows` rows; same arguments, same bytes."""
    rng = random.Random(seed)
    with path.open("w", encoding="ascii") as file:
        left = num_rows
        while left > 0:
            lines = list(_video_lines(rng))[:left]
            file.write("".join(lines))
            left -= len(lines)


def _video_lines(rng: random.Random) -> Iterator[str]:
    """Yield the rows of one video: one to four segments."""
    youtube_id = "".join(rng.choices(_CHARS, k=11))
    for object_id in range(rng.choice(_SEGMENTS_PER_VIDEO)):
        start_s = rng.randrange(600)
        head = f"{rng.choice(_CLASSES)},{object_id}"
        for second in range(start_s, start_s + rng.choice(_ROWS_PER_SEGMENT)):
            yield f"{youtube_id},{second * 1000},{head},{_presence_and_box(rng)}\n"


def _presence_and_box(rng: random.Random) -> str:
    draw = rng.random()
    if draw < _ABSENT_SHARE + _UNCERTAIN_SHARE:
        word = "absent" if draw < _ABSENT_SHARE else "uncertain"
        return f"{word},-1.0,-1.0,-1.0,-1.0"
    left, top = rng.random() / 2, rng.random() / 2
    return f"present,{left:.3f},{left + 0.4:.3f},{top:.8f},{top + 0.45:.8f}"


def _read_with_vsda(path: Path) -> int:
    return read_annotations(path, ytbb_class_set("all")).num_rows


def _read_with_loadtxt(path: Path) -> int:
    return len(np.loadtxt(path, dtype=RAW, delimiter=",", comments=None))


def _read_with_csv(path: Path) -> int:
    """Read as one would without a library: a dict of rows by video, and the span of each object."""
    videos: dict[str, list[dict[str, Any]]] = {}
    spans: dict[tuple[str, int, int], tuple[int, int]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file, fieldnames=_COLUMNS):
            kept: dict[str, Any] = {
                "time_ms": int(row["time"]),
                "class_id": int(row["class_id"]),
                "object_id": int(row["object_id"]),
                "presence": row["presence"],
                "box": tuple(float(row[name]) for name in _CORNERS),
            }
            videos.setdefault(row["id"], []).append(kept)
            key = (row["id"], kept["class_id"], kept["object_id"])
            first, last = spans.get(key, (kept["time_ms"], kept["time_ms"]))
            spans[key] = (min(first, kept["time_ms"]), max(last, kept["time_ms"]))
    return sum(map(len, videos.values()))


_READERS = (
    _Reader("vsda", "videos, spans; every row checked", _read_with_vsda, 1),
    _Reader("numpy.loadtxt", "one array of rows; no check", _read_with_loadtxt, 1),
    _Reader("csv.DictReader", "dicts by video, spans; no check", _read_with_csv, _SAMPLE),
)


def _measure(reader: _Reader, path: Path) -> ReaderResult:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        num_rows, seconds, base_mb, peak_mb = pool.apply(_timed, (reader.read, path))
    return ReaderResult(
        reader=reader.name,
        work=reader.work,
        num_rows=num_rows,
        seconds=seconds * reader.sample,
        peak_mb=base_mb + (peak_mb - base_mb) * reader.sample,
        is_scaled=reader.sample > 1,
    )


def _timed(read: Callable[[Path], int], path: Path) -> tuple[int, float, float, float]:
    """Return rows, seconds, and memory of this process before and at its peak."""
    before = peak_bytes() / 1e6
    start = time.perf_counter()
    num_rows = read(path)
    return num_rows, time.perf_counter() - start, before, peak_bytes() / 1e6
