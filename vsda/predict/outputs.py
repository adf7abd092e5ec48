"""Predictions into files: what is open, what became of each video, and what failed."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vsda.errors import ItemError
from vsda.predict.frame import Ending, Prediction, Video
from vsda.predict.options import Written
from vsda.predict.places import publish, stem_of
from vsda.predict.writers import Writer, open_writer
from vsda.taxonomy import BACKGROUND_ID, ClassSet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoReport:
    """A video whose files are there.

    Attributes:
        name: Of its files.
        source: Where it came from.
        frames: How many were predicted.
        files: Files and folders, below the output folder.
        damage: What of the source could not be predicted, None where all was.
        notes: What else the user should know.
    """

    name: str
    source: str
    frames: int
    files: tuple[str, ...]
    damage: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An input, or a video of it, of which there are no files, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all inputs, as it goes on."""

    videos: list[VideoReport] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything of all inputs was predicted."""
        return not self.failures and not any(video.damage for video in self.videos)

    def fail(self, source: str, error: Exception | str) -> None:
        """Take note of a failure, and say it."""
        self.failures.append(Failure(source=source, reason=str(error)))
        logger.error("%s", error)


class Outputs:
    """The files of all videos of a command.

    Args:
        part: Folder for unfinished files.
        written: What becomes files.
        classes: What class indices mean.
        record: What made the predictions, as JSON values.
        report: Gets what became of each video.
    """

    def __init__(
        self,
        part: Path,
        written: Written,
        classes: ClassSet,
        record: Mapping[str, Any],
        report: Report,
    ) -> None:
        self._part, self._written = part, written
        self._ids = np.array((BACKGROUND_ID, *classes.ids), dtype=np.uint8)
        self._record, self._report = record, report
        self._open: dict[str, _Open] = {}
        self._given_up: set[str] = set()

    def add(self, prediction: Prediction) -> None:
        """Write a frame. What its video cannot hold ends that video, and no other."""
        video = prediction.frame.video
        if video.name in self._given_up:
            return
        if video.name not in self._open:
            self._open[video.name] = self._opened(video)
        files = self._open[video.name]
        try:
            for writer in files.writers:
                writer.add(prediction.frame, self._ids[prediction.classes])
        except ItemError as error:
            self._give_up(video, error)
            return
        files.frames += 1

    def end(self, ending: Ending) -> None:
        """Complete the files of a video, and publish them."""
        video = ending.video
        files = self._open.get(video.name)
        if files is None:
            if video.name not in self._given_up:
                self._report.fail(video.source, ending.damage or f"{video.source}: has no frames")
            return
        try:
            for writer in files.writers:
                writer.close(is_whole=ending.damage is None)
            self._publish(video, files, ending.damage)
        except ItemError as error:
            self._give_up(video, error)
        else:
            del self._open[video.name]

    def abort(self) -> None:
        """Give up all that is not complete."""
        for files in self._open.values():
            for writer in files.writers:
                writer.abort()
        self._open.clear()

    def _opened(self, video: Video) -> "_Open":
        kinds = self._written.kinds
        stems = {kind: stem_of(self._part, kind, video.name) for kind in kinds}
        return _Open(
            [open_writer(kind, stem, video, self._written) for kind, stem in stems.items()]
        )

    def _publish(self, video: Video, files: "_Open", damage: str | None) -> None:
        notes = [note for writer in files.writers for note in writer.notes()]
        facts = {
            "source": video.source,
            "frames": files.frames,
            "damage": damage,
            "notes": notes,
        }
        placed = publish(self._part, self._written.out, video.name, {**self._record, **facts})
        self._report.videos.append(
            VideoReport(
                name=video.name,
                source=video.source,
                frames=files.frames,
                files=tuple(placed),
                damage=damage,
                notes=tuple(notes),
            )
        )
        for line in [*([damage] if damage else []), *(f"{video.source}: {note}" for note in notes)]:
            logger.warning("%s", line)

    def _give_up(self, video: Video, error: ItemError) -> None:
        self._given_up.add(video.name)
        for writer in self._open.pop(video.name).writers:
            writer.abort()
        self._report.fail(video.source, error)


@dataclass(slots=True)
class _Open:
    """A video that is being written."""

    writers: list[Writer]
    frames: int = 0
