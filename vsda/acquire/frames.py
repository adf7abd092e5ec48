"""The samples of one video: what a player shows 30 times a second, with the boxes of the rows."""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsda.acquire.options import Content
from vsda.datasets.youtube_bb import DATASET, BoxRow, Span, Video, sequence_name
from vsda.errors import ItemError, Outcome
from vsda.sample import FrameFacts, Sample, legal_key
from vsda.video.backends import read_frames
from vsda.video.probe import VideoFacts
from vsda.video.timeline import frames_at_ticks, tick_ms, tick_of_label, ticks_between

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


def shown_ticks(facts: VideoFacts, span: Span) -> tuple[range, NDArray[np.int64]]:
    """Return the ticks of a span at which a player shows a frame, and the index of that frame.

    Ticks before the first frame and after the end of the last one have none. Where the span starts
    or ends between two ticks, the tick that shows the same frame belongs to it.
    """
    ticks = ticks_between(span.start_ms, span.end_ms)
    first, last = (
        tick_of_label(facts.pts, facts.time_base, time_ms)
        for time_ms in (span.start_ms, span.end_ms)
    )
    ticks = range(min(ticks.start, first), max(ticks.stop, last + 1))
    while ticks and tick_ms(ticks[-1]) >= facts.duration_ms:
        ticks = ticks[:-1]
    frames = frames_at_ticks(facts.pts, facts.time_base, ticks)
    num_before = int((frames < 0).sum())
    return ticks[num_before:], frames[num_before:]


def _sequence_samples(clip: Clip, name: str, span: Span, boxes: Boxes) -> Iterator[Sample]:
    ticks, frames = shown_ticks(clip.facts, span)
    if not ticks:
        return
    before = frames_at_ticks(
        clip.facts.pts, clip.facts.time_base, range(ticks.start - 1, ticks.start)
    )
    pictures = read_frames(clip.path, clip.facts, np.unique(frames).tolist(), clip.backend)
    shown, jpg, size = int(before[0]), b"", (0, 0)
    for frame_index, (tick, wanted) in enumerate(zip(ticks, frames.tolist(), strict=True)):
        held = wanted == shown
        if not held or not jpg:
            shown, picture = next(pictures)
            jpg, size = encode_frame(picture, clip.content)
        yield Sample(
            key=legal_key(DATASET, name, f"{tick:07d}"),
            jpg=jpg,
            seg=None,
            inst=None,
            facts=FrameFacts(
                dataset=DATASET,
                split=clip.split,
                sequence=name,
                frame=f"{tick:07d}",
                frame_index=frame_index,
                width_px=size[0],
                height_px=size[1],
                labelled=False,
                timestamp_ms=tick_ms(tick),
                source_pts=int(clip.facts.pts[wanted]),
                source_ms=float(clip.facts.pts[wanted] * clip.facts.time_base * 1000),
                tick=tick,
                held=held,
                boxes=tuple(boxes.get(tick, ())),
            ),
        )


def encode_frame(picture: NDArray[np.uint8], content: Content) -> tuple[bytes, tuple[int, int]]:
    """Return a picture (H, W, 3) as JPEG, made smaller if it must be, and its (width, height)."""
    image = Image.fromarray(picture)
    short_px = min(image.size)
    if content.short_side_px is not None and short_px > content.short_side_px:
        scale = content.short_side_px / short_px
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BICUBIC)
    data = io.BytesIO()
    image.save(data, format="JPEG", quality=content.jpeg_quality)
    return data.getvalue(), image.size


def count_boxes_without_frame(clip: Clip) -> int:
    """Return how many rows belong to times at which the video shows no frame."""
    spans = wanted_spans(clip.video, clip.facts, clip.content.span)
    shown = {tick for span in spans for tick in shown_ticks(clip.facts, span)[0]}
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
