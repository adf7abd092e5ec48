"""A video file, frame by frame."""

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from vsda.errors import ItemError, Outcome
from vsda.predict.ahead import ahead
from vsda.predict.frame import Ending, Frame, Video
from vsda.predict.options import Seen
from vsda.stream.transforms import resized
from vsda.video.backends import read_frames
from vsda.video.container import open_video, video_stream
from vsda.video.probe import VideoFacts, probe
from vsda.video.pyav import Rgb
from vsda.video.shown import shown_indices, shown_ticks

FEWEST_DIGITS = 5
"""Of a frame's number in its name, as DAVIS has it."""
_USUAL_FPS = Fraction(25)
_MAX_DENOMINATOR = 1001
_MOST_SURPLUS_S = 1.0
_DECODED_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that is wanted.

    Attributes:
        index: Into `VideoFacts.pts`.
        number: Of its files.
        start: When it is shown in the prediction, in units of its time base.
        duration: How long.
    """

    index: int
    number: int
    start: int
    duration: int


class VideoSource:
    """A video file.

    A frame that does not decode ends the video: what came before is predicted, and the damage told.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._facts: VideoFacts | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The file's name without its ending."""
        return (self._path.stem,)

    def count(self, seen: Seen) -> int | None:
        """Return the number of frames that are wanted."""
        return len(moments(self._probed(), seen, self._path))

    def frames(self, seen: Seen) -> Iterator[Frame | Ending]:
        """Yield the frames as shown, and the ending."""
        facts = self._probed()
        wanted = moments(facts, seen, self._path)
        video = _video(self._path, facts, seen)
        damage = None if seen.stop_s is not None else _cut_short(self._path, facts)
        try:
            for place, (moment, picture) in enumerate(_pictures(self._path, facts, wanted)):
                yield Frame(
                    video=video,
                    place=place,
                    name=f"{moment.number:0{FEWEST_DIGITS}d}",
                    image_id=moment.number + 1,
                    picture=picture,
                    size_px=picture.shape[:2],
                    squeezed=resized(picture, seen.size_px),
                    start=moment.start,
                    duration=moment.duration,
                )
        except ItemError as error:
            damage = str(error)
        yield Ending(video, damage)

    def close(self) -> None:
        """Do nothing: files do not keep anybody waiting."""

    def _probed(self) -> VideoFacts:
        if self._facts is None:
            self._facts = probe(self._path)
        return self._facts


def moments(facts: VideoFacts, seen: Seen, path: Path) -> list[Moment]:
    """Return the frames that are wanted of a video, in order.

    Raises:
        ItemError: There is none.
    """
    wanted = _native(facts, seen) if seen.rate is None else _at_ticks(facts, seen, seen.rate)
    if not wanted:
        raise ItemError(
            Outcome.TOO_SHORT,
            f"{path}: shows nothing from {float(seen.start_s):g} s on; it ends at "
            f"{facts.duration_ms / 1000:.3f} s; choose another --start, --stop or --fps",
        )
    return wanted


def _native(facts: VideoFacts, seen: Seen) -> list[Moment]:
    """Return every frame that is on from the start on, at its own time."""
    shown = shown_indices(facts)
    times: list[int] = facts.pts.tolist()
    end = round(Fraction(facts.duration_ms) / 1000 / facts.time_base)
    origin = seen.start_s // facts.time_base
    stop = end if seen.stop_s is None else min(end, -(-seen.stop_s // facts.time_base))
    first = max(bisect_left(times, origin + 1) - 1, shown.start)
    last = bisect_left(times, stop) if seen.stop_s is not None else len(times)
    wanted = range(first, last) if origin < end else range(0)
    borders = [max(times[index] - origin, 0) for index in wanted] + [stop - origin]
    return [
        Moment(index, index - shown.start, start, max(after - start, 0))
        for index, (start, after) in zip(wanted, itertools.pairwise(borders), strict=True)
    ]


def _at_ticks(facts: VideoFacts, seen: Seen, rate: Fraction) -> list[Moment]:
    """Return what is shown at each tick."""
    stop_s = Fraction(facts.duration_ms) / 1000
    if seen.stop_s is not None:
        stop_s = min(stop_s, seen.stop_s)
    first = -(-seen.start_s * rate // 1)
    ticks, indices = shown_ticks(facts, range(first, -(-stop_s * rate // 1)), rate)
    return [
        Moment(index, tick, tick - first, 1)
        for tick, index in zip(ticks, indices.tolist(), strict=True)
    ]


def _pictures(path: Path, facts: VideoFacts, wanted: list[Moment]) -> Iterator[tuple[Moment, Rgb]]:
    """Yield each moment with its picture; one that is shown at several is decoded once."""
    indices = np.unique([moment.index for moment in wanted]).tolist()
    pictures = ahead(lambda: read_frames(path, facts, indices, "pyav"), _DECODED_AHEAD)
    for index, group in itertools.groupby(wanted, lambda moment: moment.index):
        found, picture = next(pictures)
        if found != index:
            raise ValueError(f"asked for frame {index}, got {found}")
        yield from zip(group, itertools.repeat(picture))


def _video(path: Path, facts: VideoFacts, seen: Seen) -> Video:
    return Video(
        name=path.stem,
        source=str(path),
        time_base=facts.time_base if seen.rate is None else 1 / seen.rate,
        rate_fps=seen.rate or average_fps(facts.pts.tolist(), facts.time_base),
        pixel_aspect=_pixel_aspect(path, facts),
        sound=None if seen.is_part else path,
    )


def average_fps(times: list[int], time_base: Fraction) -> Fraction:
    """Return about how many frames a second has."""
    span = times[-1] - times[0]
    if not span:
        return _USUAL_FPS
    return Fraction((len(times) - 1) / (span * time_base)).limit_denominator(_MAX_DENOMINATOR) or (
        Fraction(1, _MAX_DENOMINATOR)
    )


def _pixel_aspect(path: Path, facts: VideoFacts) -> Fraction:
    with open_video(path) as container:
        aspect = video_stream(path, container).sample_aspect_ratio
    if not aspect:
        return Fraction(1)
    return 1 / aspect if facts.rotation in {90, 270} else aspect


def _cut_short(path: Path, facts: VideoFacts) -> str | None:
    """Return that the file ends before the end that its head announces; None if it does not.

    The sound may go on after the last picture, so that all streams are looked at, but only where
    the picture ends early.
    """
    with open_video(path) as container:
        announced_s = (container.duration or 0) / 1e6
        end_s = facts.duration_ms / 1000
        if announced_s <= end_s + _MOST_SURPLUS_S:
            return None
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if announced_s <= end_s + _MOST_SURPLUS_S:
        return None
    return (
        f"{path}: its head announces {announced_s:.1f} s, but it ends after {end_s:.1f} s, as "
        "after a cut download; get it again"
    )
