"""The values that travel between the stages: one frame with its masks and facts."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from vsda.errors import ShardError

Mask = NDArray[np.uint8]
"""(H, W) uint8."""

PRESENT = "present"
"""The presence of a box that is to be seen."""

_CORNERS = ("xmin", "xmax", "ymin", "ymax")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_/-]")


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameFacts:
    """What is known of one frame; the `json` field of a sample.

    `sequence` is None for a still image. `labelled` says whether the frame has a mask. `classes`
    are the COCO ids present in `seg.png`, without background and void.

    Where the dataset has a clock, the frame is what a player shows at tick `tick`, `timestamp_ms`
    after the start of the player's timeline; there are 30 ticks per second, or as many as the
    setting `fps` of the set says, and with `native` none, but every frame of the video at its own
    time. `source_pts` and `source_ms` are when the video itself starts to show it, in units of its
    time base and in milliseconds; `held` says that the tick before shows the same frame of the
    video. All five are None without a clock.

    `boxes` are dicts: `class` (COCO id), `object_id`, `presence` (`present`, `absent` or
    `uncertain`), `timestamp_ms` of the label, and, where present, `xmin`, `xmax`, `ymin`, `ymax`
    in fractions of the frame. A frame without boxes was not looked at.
    """

    dataset: str
    split: str
    sequence: str | None
    frame: str
    frame_index: int
    width_px: int
    height_px: int
    labelled: bool
    classes: tuple[int, ...] = ()
    timestamp_ms: float | int | None = None  # an int stays one when it is read
    source_pts: int | None = None
    source_ms: float | int | None = None
    tick: int | None = None
    held: bool | None = None
    boxes: tuple[Mapping[str, Any], ...] = field(default=())

    def to_json(self) -> bytes:
        """Return the facts as UTF-8 JSON whose bytes depend on nothing but the facts."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "FrameFacts":
        """Read facts that `to_json` wrote; keys of later versions are passed over.

        Raises:
            ShardError: Not such facts; the message names the key.
        """
        try:
            facts = _adapter().validate_json(data, strict=True)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "json"
            raise ShardError(f"not the facts of a frame: {where}: {first['msg']}") from error
        for number, box in enumerate(facts.boxes):
            _check_box(number, box)
        return facts


@cache
def _adapter() -> TypeAdapter[FrameFacts]:
    return TypeAdapter(FrameFacts)


def _check_box(number: int, box: Mapping[str, Any]) -> None:
    """Raise `ShardError` where a box lacks what its readers need, or has something else there."""
    is_sound = {
        "class": type(box.get("class")) is int,
        "presence": isinstance(box.get("presence"), str),
    }
    if box.get("presence") == PRESENT:
        is_sound |= {name: _is_fraction(box.get(name)) for name in _CORNERS}
    for name, sound in is_sound.items():
        if not sound:
            found = f"{box[name]!r:.40}" if name in box else "missing"
            raise ShardError(f"not the facts of a frame: boxes.{number}.{name}: {found}")


def _is_fraction(value: object) -> bool:
    return type(value) in {int, float} and 0 <= value <= 1  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One frame: the image as encoded bytes, its masks and its facts.

    Attributes:
        key: `<dataset>/<sequence>/<frame>`, legal as a WebDataset key; see `legal_key`.
        jpg: The original JPEG bytes.
        seg: COCO category ids, 0 background, 255 ignore; None without a semantic label.
        inst: The dataset's own object ids; None where it has none.
        facts: The rest.
    """

    key: str
    jpg: bytes
    seg: Mask | None
    inst: Mask | None
    facts: FrameFacts


def legal_key(*parts: str) -> str:
    """Join `parts` with slashes into a key that WebDataset keeps as it is.

    A dot would start the field name and a part that starts with two underscores is taken for
    metadata and dropped, so anything but letters, digits, `_` and `-` becomes `-`, and such a
    part gets the prefix `x`.
    """
    legal = [_ILLEGAL.sub("-", part.replace("/", "-")) for part in parts]
    return "/".join(f"x{part}" if part.startswith("__") else part for part in legal)
