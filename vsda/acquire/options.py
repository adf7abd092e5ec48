"""What a user asks of `vsda fetch ytbb`, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vsda.errors import Outcome
from vsda.fetch.rows import MIRROR
from vsda.fetch.youtube import YoutubeOptions, tool_name

FRAMES_PER_S = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What decides the bytes of a set.

    Attributes:
        classes: As in `--classes`.
        span: `annotated`: from the first row of a segment to its last; `full`: whole videos.
        short_side_px: Frames are made smaller to this, never larger; None keeps their size.
        jpeg_quality: Of Pillow, 1 to 95.
        seed: Decides the order of the videos, and so which ones a `limit` takes.
        videos_per_shard: Videos of one tar.
        decoder: `decord`, with PyAV for what decord cannot read right, or `pyav` for all. Both
            give the same frames of a sound file; of a damaged one decord may give wrong pixels.
    """

    classes: str
    span: str
    short_side_px: int | None
    jpeg_quality: int
    seed: int
    videos_per_shard: int
    decoder: Literal["decord", "pyav"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where videos come from.

    Attributes:
        mirror: Folder or URL with `<youtube_id>.mp4|webm|mkv`; None for YouTube.
        youtube: How YouTube is asked.
        kept: Folder or URL that keeps the videos as they came, and is looked into first; None to
            keep none.
    """

    mirror: str | None = None
    youtube: YoutubeOptions = field(default_factory=YoutubeOptions)
    kept: str | None = None

    @property
    def session(self) -> str:
        """How the other side knows us, for the report."""
        if self.mirror is not None:
            return MIRROR
        return "guest" if self.youtube.cookies is None else "cookies"

    @property
    def tool(self) -> str:
        """What asks, for the report."""
        return tool_name() if self.mirror is None else MIRROR


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How hard a run asks, and when it gives up.

    Attributes:
        videos_per_hour: Most videos asked for in an hour, over all workers; None for no limit.
        attempts: How often a run asks for a video that fails on the way.
        backoff_s: Wait before the second attempt; it doubles with each.
        pause_s: How long the whole run waits when it is throttled.
        max_pauses: After so many pauses without a video between them the run stops.
        outage_after: So many failures on the way, one after the other, count as throttling.
    """

    videos_per_hour: float | None
    attempts: int
    backoff_s: float
    pause_s: float
    max_pauses: int
    outage_after: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeLimits:
    """What decoding one video may cost before it is killed.

    Attributes:
        base_s: Wall-clock time for any video.
        per_span_s: More of it for each second of video that is wanted.
        memory_bytes: Memory of the decoding process.
    """

    base_s: float
    per_span_s: float
    memory_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquireOptions:
    """All of it.

    Attributes:
        annotations: File of rows.
        split: `train` or `val`.
        out: Folder or URL of the shards.
        scratch: Local folder for videos on their way; None for one beside the shards, or in the
            system's folder for temporary files where `out` is a URL.
        limit: Only so many videos, the first in the order of the seed.
        retry: Outcomes that are asked for again although they count as final.
        skip: Ids that are known to be dead and are not asked for.
        task: `(i, n)`: only every n-th shard from the i-th on, and no index.
        overwrite: Replace a set that was made with other settings.
        engine: `local` or `ray`.
        address: Of the Ray cluster.
        num_workers: Processes; None for one per core.
    """

    annotations: Path
    split: str
    out: str
    content: Content
    source: Source
    manners: Manners
    limits: DecodeLimits
    scratch: Path | None = None
    limit: int | None = None
    retry: frozenset[Outcome] = frozenset()
    skip: frozenset[str] = frozenset()
    task: tuple[int, int] | None = None
    overwrite: bool = False
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    num_workers: int | None = None


def decisive_settings(
    content: Content, class_names: tuple[str, ...], annotations_sha256: str
) -> Mapping[str, Any]:
    """Return what the index records; equal settings and equal videos give equal bytes."""
    return {
        "annotations_sha256": annotations_sha256,
        "classes": list(class_names),
        "decoder": content.decoder,
        "fps": FRAMES_PER_S,
        "jpeg_quality": content.jpeg_quality,
        "seed": content.seed,
        "short_side_px": content.short_side_px,
        "span": content.span,
        "videos_per_shard": content.videos_per_shard,
    }
