"""What a run would ask for and what it would take, without a request."""

from dataclasses import dataclass
from typing import Any

from vsda.acquire.options import FRAMES_PER_S, AcquireOptions
from vsda.acquire.plan import make_plan
from vsda.acquire.publish import check_settings
from vsda.acquire.state import State, read_state
from vsda.errors import ShardError

_BYTES_PER_PX = 0.29
"""Of a JPEG of quality 90 of ordinary video; measured on the three real videos at hand."""
_ASPECT = 16 / 9
_ORIGINAL_SHORT_SIDE_PX = 720
"""What is taken for videos whose size is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a run is about.

    Attributes:
        name: Of the set.
        num_rows: Rows of the chosen classes.
        num_segments: Segments of the chosen classes.
        num_videos: Videos of the set, or of the chosen part of it.
        num_settled: Those that need not be asked for.
        num_shards: Tars, at most.
        num_frames: Frames of the videos to ask for if all of them are there; 0 for whole videos,
            whose length nobody knows.
        num_bytes: Their size, roughly.
        hours: How long asking takes at the chosen pace; None without a pace.
        notes: What a user should know of the annotations.
    """

    name: str
    num_rows: int
    num_segments: int
    num_videos: int
    num_settled: int
    num_shards: int
    num_frames: int
    num_bytes: int
    hours: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def estimate(options: AcquireOptions) -> Estimate:
    """Return what `acquire` would do with the same options; nothing is written.

    Raises:
        DatasetError: The annotations are not there, or not what they should be.
        ShardError: A set is there that was made otherwise.
    """
    plan = make_plan(options)
    state = read_state(plan.layout)
    try:
        check_settings(state, plan)
    except ShardError:
        if not options.overwrite:
            raise
        state = State()
    videos = [name for _, name in plan.videos()]
    todo = [
        name
        for name in videos
        if not state.is_settled(name, options.retry) and name not in options.skip
    ]
    num_frames = sum(_num_frames(options, plan.annotations.video(name).spans) for name in todo)
    per_hour = options.manners.videos_per_hour
    return Estimate(
        name=plan.layout.name,
        num_rows=plan.annotations.num_rows,
        num_segments=plan.annotations.num_segments,
        num_videos=len(videos),
        num_settled=len(videos) - len(todo),
        num_shards=len(plan.shard_numbers()),
        num_frames=num_frames,
        num_bytes=round(num_frames * _frame_bytes(options.content.short_side_px)),
        hours=len(todo) / per_hour if per_hour else None,
        notes=plan.annotations.notes(),
    )


def _num_frames(options: AcquireOptions, spans: tuple[Any, ...]) -> int:
    if options.content.span == "full":
        return 0
    return sum((span.end_ms - span.start_ms) * FRAMES_PER_S // 1000 + 1 for span in spans)


def _frame_bytes(short_side_px: int | None) -> float:
    short_px = short_side_px or _ORIGINAL_SHORT_SIDE_PX
    return short_px * short_px * _ASPECT * _BYTES_PER_PX
