"""The samples of one video: what a player shows 30 times a second, with the boxes of the rows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsda.acquire.options import Content
from vsda.datasets.youtube_bb.annotations import DATASET, BoxRow, Span, Video, sequence_name
from vsda.errors import ItemError, Outcome
from vsda.sample import FrameFacts, Sample, legal_key
from vsda.video.probe import VideoFacts
from vsda.video.shown import Encoding, OpenedVideo, frames_at, shown_ticks
from vsda.video.timeline import tick_of_label, ticks_between

END_TOLERANCE_MS = 1000.0
"""How much earlier than its last row a video may end; rows are a second apart."""

BOXES_WITHOUT_FRAME = "boxes_without_frame"
"""Name of the fact about a video that counts rows after its end or before its first frame."""

Boxes = Mapping[int, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A video's file and what is wanted of it."""

    path: Path
    video: Video
    split: str
    content: Content
    facts: VideoFacts
    backend: str


def wanted_spans(video: Video, facts: VideoFacts, span: str) -> tuple[Span, ...]:
    """Return the stretches of a video that become sequences.

    Raises:
        ItemError: The video ends before its annotations do.
    """
    last_ms = max(row.timestamp_ms for row in video.rows)
    if last_ms > facts.duration_ms + END_TOLERANCE_MS:
        raise ItemError(
            Outcome.TOO_SHORT,
            f"the video ends at {facts.duration_ms / 1000:.1f} s, its last annotation is at "
            f"{last_ms / 1000:.1f} s: it was cut, or is another video",
        )
    if span == "annotated":
        return video.spans
    return (Span(start_ms=0, end_ms=int(facts.duration_ms)),)


def clip_samples(clip: Clip) -> Iterator[Sample]:
    """Yield the samples of a video, one per tick of its spans.

    Raises:
        ItemError: It is too short, or cannot be decoded.
    """
    spans = wanted_spans(clip.video, clip.facts, clip.content.span)
    boxes = _boxes_by_tick(clip)
    for span_index, span in enumerate(spans):
        name = sequence_name(clip.video.youtube_id, span_index)
        yield from _sequence_samples(clip, name, span, boxes)


def span_ticks(facts: VideoFacts, span: Span) -> tuple[range, NDArray[np.int64]]:
    """Return the ticks of a span at which a player shows a frame, and the index of that frame.

    Where the span starts or ends between two ticks, the tick that shows the same frame belongs to
    it.
    """
    ticks = ticks_between(span.start_ms, span.end_ms)
    first, last = (
        tick_of_label(facts.pts, facts.time_base, time_ms)
        for time_ms in (span.start_ms, span.end_ms)
    )
    return shown_ticks(facts, range(min(ticks.start, first), max(ticks.stop, last + 1)))


def _sequence_samples(clip: Clip, name: str, span: Span, boxes: Boxes) -> Iterator[Sample]:
    ticks, frames = span_ticks(clip.facts, span)
    if not ticks:
        return
    video = OpenedVideo(path=clip.path, facts=clip.facts, backend=clip.backend)
    encoding = Encoding(
        short_side_px=clip.content.short_side_px, jpeg_quality=clip.content.jpeg_quality
    )
    shown = zip(ticks, frames_at(video, ticks, frames, encoding), strict=True)
    for frame_index, (tick, frame) in enumerate(shown):
        yield Sample(
            key=legal_key(DATASET, name, f"{tick:07d}"),
            jpg=frame.jpg,
            seg=None,
            inst=None,
            facts=FrameFacts(
                dataset=DATASET,
                split=clip.split,
                sequence=name,
                frame=f"{tick:07d}",
                frame_index=frame_index,
                width_px=frame.size_px[0],
                height_px=frame.size_px[1],
                labelled=False,
                timestamp_ms=frame.timestamp_ms,
                source_pts=frame.source_pts,
                source_ms=frame.source_ms,
                tick=tick,
                held=frame.held,
                boxes=tuple(boxes.get(tick, ())),
            ),
        )


def count_boxes_without_frame(clip: Clip) -> int:
    """Return how many rows belong to times at which the video shows no frame."""
    spans = wanted_spans(clip.video, clip.facts, clip.content.span)
    shown = {tick for span in spans for tick in span_ticks(clip.facts, span)[0]}
    boxes = _boxes_by_tick(clip)
    return sum(len(rows) for tick, rows in boxes.items() if tick not in shown)


def _boxes_by_tick(clip: Clip) -> Boxes:
    boxes: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in clip.video.rows:
        tick = tick_of_label(clip.facts.pts, clip.facts.time_base, row.timestamp_ms)
        boxes[tick].append(_box(row))
    return boxes


def _box(row: BoxRow) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "class": row.coco_id,
        "object_id": row.object_id,
        "presence": row.presence,
        "timestamp_ms": row.timestamp_ms,
    }
    if row.box is not None:
        facts |= dict(zip(("xmin", "xmax", "ymin", "ymax"), row.box, strict=True))
    return facts
