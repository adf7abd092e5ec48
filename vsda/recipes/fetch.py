"""The shape of pipelines/fetch/*.toml: the named defaults of `vsda fetch`."""

from typing import Annotated, Literal

from pydantic import Field

from vsda.acquire.options import Content, DecodeLimits, Manners
from vsda.recipes.load import Settings

_MB = 1_000_000


class FetchRecipe(Settings):
    """How a set of videos becomes shards; what the command line says comes first."""

    dataset: Literal["ytbb"]
    description: str = ""
    split: Literal["train", "val"]
    classes: str
    """`shared` (with DAVIS), `all`, or names or COCO ids."""
    span: Literal["annotated", "full"]
    """From the first annotation of a segment to its last, or whole videos."""
    short_side_px: Annotated[int, Field(ge=0)]
    """Frames are made smaller to this, never larger; 0 keeps their size."""
    jpeg_quality: Annotated[int, Field(ge=1, le=95)]
    seed: int
    """Decides the order of the videos, and so which ones a limit takes."""
    videos_per_shard: Annotated[int, Field(ge=1)]
    decoder: Literal["decord", "pyav"]
    """decord, with PyAV for what decord cannot read right, or PyAV for all."""
    videos_per_hour: Annotated[float, Field(ge=0)]
    """Over all workers; 0 for no limit. A mirror has none unless the command line sets one."""
    attempts: Annotated[int, Field(ge=1)]
    """How often one run asks for a video that fails on the way."""
    backoff_s: Annotated[float, Field(ge=0)]
    """Before the second attempt; it doubles with each."""
    pause_s: Annotated[float, Field(ge=0)]
    """How long the whole run waits when it is throttled."""
    max_pauses: Annotated[int, Field(ge=0)]
    """After so many pauses in a row the run stops; 0 stops at the first throttling."""
    outage_after: Annotated[int, Field(ge=1)]
    """So many failures on the way in a row count as throttling."""
    decode_base_s: Annotated[float, Field(gt=0)]
    """Time that decoding a video may take,"""
    decode_per_span_s: Annotated[float, Field(ge=0)]
    """and this much more for each second of it that is wanted."""
    decode_memory_mb: Annotated[int, Field(ge=256)]

    def content(self) -> Content:
        """Return what decides the bytes of the set."""
        return Content(
            classes=self.classes,
            span=self.span,
            short_side_px=self.short_side_px or None,
            jpeg_quality=self.jpeg_quality,
            seed=self.seed,
            videos_per_shard=self.videos_per_shard,
            decoder=self.decoder,
        )

    def manners(self) -> Manners:
        """Return how hard a run asks."""
        return Manners(
            videos_per_hour=self.videos_per_hour or None,
            attempts=self.attempts,
            backoff_s=self.backoff_s,
            pause_s=self.pause_s,
            max_pauses=self.max_pauses,
            outage_after=self.outage_after,
        )

    def limits(self) -> DecodeLimits:
        """Return what decoding one video may cost."""
        return DecodeLimits(
            base_s=self.decode_base_s,
            per_span_s=self.decode_per_span_s,
            memory_bytes=self.decode_memory_mb * _MB,
        )
