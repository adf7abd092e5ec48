"""How fast frames come out of a video, side by side: the libraries by themselves and vsda.

All decode the same made-up H.264 file from start to end on one thread, each in a process of its own
so that its peak memory is its own.
"""

import importlib
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vsda.errors import ItemError
from vsda.memory import peak_bytes
from vsda.video.backends import read_frames
from vsda.video.probe import probe
from vsda.video.sandbox import run_limited

_RATE_FPS = 30
_GOP_FRAMES = 150
"""As in YouTube's files."""
_TIMEOUT_S = 600
_MEMORY_BYTES = 8 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeRow:
    """One way to read the file.

    Attributes:
        name: The library, or `vsda` with its backend.
        frames_per_s: None where it could not read the file.
        share_of_fastest: In (0, 1]; None likewise.
        peak_mib: Largest resident memory of its process.
        note: Why it could not, or an empty text.
    """

    name: str
    frames_per_s: float | None
    share_of_fastest: float | None
    peak_mib: int | None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeBench:
    """All rows, and the file that they read."""

    num_frames: int
    width_px: int
    height_px: int
    rows: tuple[DecodeRow, ...]


def measure(seconds: float = 10.0, size: tuple[int, int] = (1280, 720)) -> DecodeBench:
    """Measure every decoder of this machine on a video of `seconds` and of `size` in pixels."""
    num_frames = max(1, round(seconds * _RATE_FPS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        _write(path, num_frames, size)
        rows = [_measured(name, path) for name in READERS if _is_there(name)]
    fastest = max((row.frames_per_s or 0 for row in rows), default=0)
    return DecodeBench(
        num_frames=num_frames,
        width_px=size[0],
        height_px=size[1],
        rows=tuple(_with_share(row, fastest) for row in rows),
    )


def _measured(name: str, path: Path) -> DecodeRow:
    try:
        rate, peak_mib = run_limited(
            _read, (name, path), timeout_s=_TIMEOUT_S, memory_bytes=_MEMORY_BYTES
        )
    except ItemError as error:
        return DecodeRow(
            name=name, frames_per_s=None, share_of_fastest=None, peak_mib=None, note=str(error)
        )
    return DecodeRow(name=name, frames_per_s=rate, share_of_fastest=None, peak_mib=peak_mib)


def _read(job: tuple[str, Path]) -> tuple[float, int]:
    """Return frames per second and peak memory in MiB; runs in a process of its own."""
    name, path = job
    importlib.import_module(_LIBRARY[name])  # once in a process, so no part of the rate
    start = time.perf_counter()
    num_frames = sum(1 for _ in READERS[name](path))
    seconds = time.perf_counter() - start
    return num_frames / seconds, peak_bytes() >> 20


def _by_pyav(path: Path) -> Iterator[object]:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _by_decord(path: Path) -> Iterator[object]:
    decord = importlib.import_module("decord")
    reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
    for _ in range(len(reader)):
        yield reader.next().asnumpy()


def _by_torchcodec(path: Path) -> Iterator[object]:
    decoders = importlib.import_module("torchcodec.decoders")
    yield from decoders.VideoDecoder(str(path), num_ffmpeg_threads=1)


def _by_vsda(backend: str) -> Callable[[Path], Iterator[object]]:
    def read(path: Path) -> Iterator[object]:
        facts = probe(path)
        yield from read_frames(path, facts, range(len(facts.pts)), backend)

    return read


READERS: dict[str, Callable[[Path], Iterator[object]]] = {
    "PyAV": _by_pyav,
    "decord": _by_decord,
    "torchcodec": _by_torchcodec,
    "vsda, PyAV": _by_vsda("pyav"),
    "vsda, decord": _by_vsda("decord"),
}
_LIBRARY = {
    "PyAV": "av",
    "decord": "decord",
    "torchcodec": "torchcodec.decoders",
    "vsda, PyAV": "av",
    "vsda, decord": "decord",
}


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(_LIBRARY[name].partition(".")[0]) is not None


def _with_share(row: DecodeRow, fastest: float) -> DecodeRow:
    if row.frames_per_s is None:
        return row
    return replace(row, share_of_fastest=row.frames_per_s / fastest)


def _write(path: Path, num_frames: int, size: tuple[int, int]) -> None:
    """Write coloured patches that move, with noise, so that there is something to decode."""
    width_px, height_px = size
    generator = np.random.default_rng(0)
    patches = generator.integers(0, 255, (height_px // 16 + 1, width_px // 16 + 1, 3), np.uint8)
    picture = patches.repeat(16, axis=0).repeat(16, axis=1)[:height_px, :width_px]
    grain = generator.integers(0, 24, picture.shape, np.uint8)
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "crf": "23", "g": str(_GOP_FRAMES)}
        stream = container.add_stream("libx264", rate=_RATE_FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(num_frames):
            moved = np.roll(picture, 3 * number, axis=1) // 2 + np.roll(grain, 7 * number, axis=0)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(moved), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, _RATE_FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
