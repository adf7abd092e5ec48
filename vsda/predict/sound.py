"""The sound of a video, copied packet by packet beside new pictures."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av.error
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from vsda.video.container import open_video

_PLAYABLE = frozenset({"aac", "mp3", "opus", "flac"})
"""What browsers play in an MP4 file."""


class Sound:
    """Copies the sound of the file at `source` into `target`, as far as it has been asked for.

    The file is read a second time, beside the pictures, so that no more than a moment of it is in
    memory.

    Attributes:
        absence: Why there is no sound, or none from some point on; None where all is well or the
            source has none.
    """

    def __init__(self, source: Path, target: OutputContainer) -> None:
        self.absence: str | None = None
        self._target = target
        self._open = ExitStack()
        self._packets = self._started(source)
        self._next = next(self._packets, None)

    def copy_until(self, moment_s: Fraction | None) -> None:
        """Copy what is heard before `moment_s`, None for all of it."""
        while (packet := self._next) is not None:
            if moment_s is not None and _starts_s(packet) >= moment_s:
                return
            packet.stream = self._stream
            self._target.mux(packet)
            self._next = next(self._packets, None)
        self.close()

    def close(self) -> None:
        """Close the source."""
        self._open.close()

    def _started(self, source: Path) -> "Iterator[Packet[AudioStream]]":
        container = self._open.enter_context(open_video(source))
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            return iter(())
        codec = stream.codec_context.codec.canonical_name
        if codec not in _PLAYABLE:
            self.absence = f"its sound is left out: browsers play no {codec} in MP4"
            return iter(())
        self._stream = self._target.add_stream_from_template(stream)
        return self._sounding(source, container.demux(stream))

    def _sounding(
        self, source: Path, packets: "Iterator[Packet[AudioStream]]"
    ) -> "Iterator[Packet[AudioStream]]":
        """Yield the packets that have a time, up to the first damage."""
        try:
            for packet in packets:
                if packet.size and packet.pts is not None and packet.dts is not None:
                    yield packet
        except av.error.FFmpegError as error:
            self.absence = f"its sound ends early: {source} cannot be read on: {error}"


def _starts_s(packet: "Packet[AudioStream]") -> Fraction:
    return Fraction((packet.dts or 0) * (packet.time_base or 0))
