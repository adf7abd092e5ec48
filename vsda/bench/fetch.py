"""What a fetch of YouTube-BoundingBoxes costs per video, and whether its memory grows with them.

The videos are copies of one made-up video in a folder that serves as mirror, so nothing but this
machine is measured. Each run has a process of its own, so that its peak memory is its own.
"""

import io
import json
import os
import resource
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

_WIDTH_PX, _HEIGHT_PX = 320, 240
_SHORT_SIDE_PX = 240
_JPEG_QUALITY = 90
_SECONDS, _FPS = 2, 30
_CODE = "import sys; from vsda.bench.fetch import main; main(sys.argv[1:])"
_BYTES_PER_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchRun:
    """What one run took.

    Attributes:
        num_videos: Videos of the run.
        num_frames: Frames written.
        seconds: Wall-clock time, with the start of the workers.
        peak_mb: Peak memory of the process that leads, in 10^6 bytes.
        worker_peak_mb: Peak memory of the largest of its workers.
    """

    num_videos: int
    num_frames: int
    seconds: float
    peak_mb: float
    worker_peak_mb: float


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


def measure(sizes: Sequence[int] = (10, 100, 1000), num_workers: int = 2) -> FetchBench:
    """Fetch as many videos as each of `sizes` says; return what it took."""
    with tempfile.TemporaryDirectory(prefix="vsda-bench-") as name:
        folder = Path(name)
        video = folder / "video.mp4"
        write_video(video)
        runs = tuple(_run(folder / str(size), video, size, num_workers) for size in sizes)
        return FetchBench(
            runs=runs, num_workers=num_workers, bare_frames_per_s=_bare_frames_per_s(video)
        )


def write_video(path: Path) -> None:
    """Write a video of moving noise, about as hard to decode as a real one."""
    picture = np.random.default_rng(0).integers(0, 255, (_HEIGHT_PX // 8, _WIDTH_PX // 8, 3))
    big = np.kron(picture, np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = _WIDTH_PX, _HEIGHT_PX, "yuv420p"
        stream.time_base = Fraction(1, _FPS)
        for index in range(_SECONDS * _FPS):
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
        "peak_mb": _peak_mb(resource.RUSAGE_SELF),
        "worker_peak_mb": _peak_mb(resource.RUSAGE_CHILDREN),
    }
    sys.stdout.write(json.dumps(usage))


def _run(folder: Path, video: Path, num_videos: int, num_workers: int) -> FetchRun:
    mirror = folder / "mirror"
    mirror.mkdir(parents=True)
    rows = []
    for number in range(num_videos):
        youtube_id = f"bench-{number:05d}"
        os.link(video, mirror / f"{youtube_id}.mp4")
        rows += [
            f"{youtube_id},{second}000,0,person,0,present,0.1,0.9,0.1,0.9\n"
            for second in range(_SECONDS)
        ]
    (folder / "rows.csv").write_text("".join(rows))
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(folder), str(num_workers)],
        stdout=subprocess.PIPE,
        check=True,
    )
    return FetchRun(num_videos=num_videos, **json.loads(done.stdout))


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


def _peak_mb(who: int) -> float:
    return resource.getrusage(who).ru_maxrss * _BYTES_PER_MAXRSS / 1e6
