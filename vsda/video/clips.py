"""Whole groups of pictures cut out of a video by copying their packets, as small files in memory.

A clip decodes from its first frame on and ends soon after the last frame that is wanted. Its frames
are numbered in the order in which they are shown, at a constant rate, so that nothing of the
original container matters to who reads it.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from vsda.errors import ItemError, Outcome
from vsda.video.probe import VideoFacts
from vsda.video.pyav import packets_from, time_s

RATE_FPS = 25
MIN_FRAMES = 32
"""Shorter groups of pictures share a clip, as opening one takes as long as decoding some frames."""


@dataclass(frozen=True, slots=True)
class Clip:
    """An MP4 file, and the time in the original of each of its frames, in the order shown."""

    data: bytes
    pts: tuple[int, ...]


def cut_clips(path: Path, facts: VideoFacts, indices: Sequence[int]) -> Iterator[Clip]:
    """Yield clips that hold the frames of the ascending `indices`, and as few others as can be.

    Raises:
        ItemError: UNDECODABLE where the file lacks one.
    """
    missing = {int(facts.pts[index]) for index in indices}
    group: list[Packet[VideoStream]] = []
    with closing(packets_from(path, facts, indices[0])) as packets:
        for packet in packets:
            if packet.pts is None:
                break  # the empty packet at the end; from here on the stream is closed
            if packet.is_keyframe and len(group) >= MIN_FRAMES:
                yield _clip(group)
                group = []
            group.append(packet)
            missing.discard(packet.pts)
            if not missing:
                break
        if group:
            yield _clip(group)
    if missing:
        when = time_s(facts, min(missing))
        raise ItemError(Outcome.UNDECODABLE, f"{path}: the frame at {when} is not in the file")


def _clip(packets: "list[Packet[VideoStream]]") -> Clip:
    pts = sorted(packet.pts for packet in packets if packet.pts is not None)
    number = {time: place for place, time in enumerate(pts)}
    shown = [number[packet.pts] for packet in packets if packet.pts is not None]
    delay = max(coded - place for coded, place in enumerate(shown))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream_from_template(packets[0].stream)
        stream.time_base = Fraction(1, RATE_FPS)
        for coded, (packet, place) in enumerate(zip(packets, shown, strict=True)):
            packet.time_base, packet.stream = Fraction(1, RATE_FPS), stream
            packet.pts, packet.dts, packet.duration = place + delay, coded, 1
            container.mux(packet)
    return Clip(file.getvalue(), tuple(pts))
