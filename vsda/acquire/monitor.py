"""What a run tells while it goes on; who draws it is not its business."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from vsda.fetch.rows import VideoRow


@dataclass(slots=True)
class Status:
    """How far a run is.

    Attributes:
        num_videos: Videos that the run is about.
        num_before: Those that earlier runs had settled.
        outcomes: What became of videos in this run.
        num_running: Jobs under way.
        num_frames: Frames decoded in this run.
        num_shards: Shards finished in this run.
        waits_for: Why nothing new is asked for at the moment; empty if it is.
        wait_s: For how long.
    """

    num_videos: int = 0
    num_before: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    num_running: int = 0
    num_frames: int = 0
    num_shards: int = 0
    waits_for: str = ""
    wait_s: float = 0.0

    @property
    def num_done(self) -> int:
        """Videos settled in this run."""
        return self.outcomes.total()


class Monitor(Protocol):
    """Somebody who watches a run."""

    def video(self, row: VideoRow) -> None:
        """Hear what became of a video."""

    def event(self, name: str, facts: Mapping[str, object]) -> None:
        """Hear of anything else: `throttled`, `retry`, `shard`, `lost`, `damaged`, `stopped`."""

    def status(self, status: Status) -> None:
        """Hear how far the run is; about once a second."""


class Silent:
    """A monitor for callers who do not watch."""

    def video(self, row: VideoRow) -> None:
        """Pass over it."""

    def event(self, name: str, facts: Mapping[str, object]) -> None:
        """Pass over it."""

    def status(self, status: Status) -> None:
        """Pass over it."""
