"""What a fetch of YouTube-BoundingBoxes costs per video, and whether its memory grows with them.

The videos are copies of one made-up video in a folder that serves as mirror, so nothing but this
machine is measured. Each run has a process of its own, so that its peak memory is its own.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from vsda.acquire.options import AcquireOptions, Content, DecodeLimits, Manners, Source
from vsda.acquire.run import acquire
from vsda.memory import peak_bytes

_WIDTH_PX, _HEIGHT_PX = 320, 240
_SHORT_SIDE_PX = 240
_JPEG_QUALITY = 90
_FPS = 30
_LOOK_EVERY_S = 0.2
_CODE = "import sys; from vsda.bench.fetch import main; main(sys.argv[1:])"


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchRun:
    """What one run took.

    Attributes:
        num_videos: Videos of the run.
        num_frames: Frames written.
        seconds: Wall-clock time, with the start of the workers.
        peak_mb: Peak memory of the process that leads, in 10^6 bytes.
        all_peak_mb: Peak memory of all its processes together, shared pages counted in each, looked
            at five times a second; None on systems without /proc.
    """

    num_videos: int
    num_frames: int
    seconds: float
    peak_mb: float
    all_peak_mb: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchBench:
    """All runs, and the limit: the same frames decoded and encoded in a bare loop.

    Attributes:
        runs: By number of videos.
        num_workers: Workers of each run.
        bare_frames_per_s: Frames per second of one process that decodes with PyAV, makes frames
            smaller and encodes them with Pillow, and writes nothing.
    """

    runs: tuple[FetchRun, ...]
    num_workers: int
    bare_frames_per_s: float


def measure(
    sizes: Sequence[int] = (10, 100, 1000), num_workers: int = 2, seconds: int = 2
) -> FetchBench:
    """Fetch as many videos of `seconds` as each of `sizes` says; return what it took."""
    with tempfile.TemporaryDirectory(prefix="vsda-bench-") as name:
        folder = Path(name)
        video = folder / "video.mp4"
        write_video(video, seconds)
        runs = tuple(
            _run(folder / str(size), video, (size, seconds), num_workers) for size in sizes
        )
        return FetchBench(
            runs=runs, num_workers=num_workers, bare_frames_per_s=_bare_frames_per_s(video)
        )


def write_video(path: Path, seconds: int) -> None:
    """Write a video of moving noise, about as hard to decode as a real one."""
    picture = np.random.default_rng(0).integers(0, 255, (_HEIGHT_PX // 8, _WIDTH_PX // 8, 3))
    big = np.kron(picture, np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = _WIDTH_PX, _HEIGHT_PX, "yuv420p"
        stream.time_base = Fraction(1, _FPS)
        for index in range(seconds * _FPS):
            frame = av.VideoFrame.from_ndarray(np.roll(big, 3 * index, axis=1), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main(arguments: list[str]) -> None:
    """Run one fetch and print what it took; for processes that `measure` starts."""
    folder, num_workers = Path(arguments[0]), int(arguments[1])
    start = time.monotonic()
    report = acquire(_options(folder, num_workers))
    usage = {
        "num_frames": report.num_samples,
        "seconds": time.monotonic() - start,
        "peak_mb": peak_bytes() / 1e6,
    }
    sys.stdout.write(json.dumps(usage))


def _run(folder: Path, video: Path, amount: tuple[int, int], num_workers: int) -> FetchRun:
    num_videos, seconds = amount
    mirror = folder / "mirror"
    mirror.mkdir(parents=True)
    rows = []
    for number in range(num_videos):
        youtube_id = f"bench-{number:05d}"
        os.link(video, mirror / f"{youtube_id}.mp4")
        rows += [
            f"{youtube_id},{second}000,0,person,0,present,0.1,0.9,0.1,0.9\n"
            for second in range(seconds)
        ]
    (folder / "rows.csv").write_text("".join(rows))
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE, str(folder), str(num_workers)], stdout=subprocess.PIPE
    )
    with process:
        peaks = [_tree_mb(process.pid)]
        while process.poll() is None:
            peaks.append(_tree_mb(process.pid))
            time.sleep(_LOOK_EVERY_S)
        out = process.stdout.read() if process.stdout else b""
    known = [peak for peak in peaks if peak is not None]
    usage = json.loads(out)
    return FetchRun(num_videos=num_videos, all_peak_mb=max(known, default=None), **usage)


def _options(folder: Path, num_workers: int) -> AcquireOptions:
    return AcquireOptions(
        annotations=folder / "rows.csv",
        split="train",
        out=str(folder / "out"),
        content=Content(
            classes="all",
            span="annotated",
            short_side_px=_SHORT_SIDE_PX,
            jpeg_quality=_JPEG_QUALITY,
            seed=0,
            videos_per_shard=16,
            decoder="decord",
        ),
        source=Source(mirror=str(folder / "mirror")),
        manners=Manners(
            videos_per_hour=None,
            attempts=1,
            backoff_s=0.0,
            pause_s=0.0,
            max_pauses=0,
            outage_after=1,
        ),
        limits=DecodeLimits(base_s=120.0, per_span_s=10.0, memory_bytes=4_000_000_000),
        num_workers=num_workers,
    )


def _bare_frames_per_s(path: Path) -> float:
    start, num_frames = time.monotonic(), 0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            image = Image.fromarray(frame.to_ndarray(format="rgb24"))
            scale = _SHORT_SIDE_PX / image.height
            small = image.resize((round(image.width * scale), _SHORT_SIDE_PX))
            small.save(io.BytesIO(), format="JPEG", quality=_JPEG_QUALITY)
            num_frames += 1
    return num_frames / (time.monotonic() - start)


def _tree_mb(root: int) -> float | None:
    """Return the resident memory of a process and all below it, None where /proc is missing."""
    pages: dict[int, int] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
            pages[int(path.parent.name)] = int(fields[21])
    family = [root]
    for pid in family:
        family += [child for child, parent in parents.items() if parent == pid]
    total = sum(pages.get(pid, 0) for pid in family)
    return total * os.sysconf("SC_PAGE_SIZE") / 1e6 if pages else None
