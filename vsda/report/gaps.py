"""`gap/gap.json` of run folders: how far apart images and videos are inside of the networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from vsda.errors import RunError, ShardError
from vsda.report.evaluations import json_object
from vsda.report.layers import photo_uri
from vsda.report.read import Run
from vsda.shards.read import decode_image

GAP = "gap"
GAP_FILE = "gap.json"
MAX_WIDTH_PX = 1400


class _Record(BaseModel):
    """A JSON object of `vsda gap`; keys that this page does not show are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Probe(_Record):
    """The proxy A-distance in about [0, 2], and its interval."""

    distance: float
    low: float
    high: float


class _Distance(_Record):
    probe: Probe


class Tap(_Record):
    """A tap: the distance of single tokens, and that of whole frames."""

    tokens: _Distance
    frames: _Distance


class Network(_Record):
    """A network that was measured; `picture` is a file beside `gap.json`."""

    name: str
    step: int
    taps: Mapping[str, Tap]
    looks_at: str | None = None
    picture: str | None = None


class _Set(_Record):
    name: str


class Measured(_Record):
    """The whole file."""

    images: _Set
    videos: _Set
    networks: tuple[Network, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunGap:
    """What was measured in a run folder.

    Attributes:
        position: Of the run among all.
        measured: The numbers; None where they cannot be read.
        pictures: Data URIs, by name of the network.
        damage: What cannot be read.
    """

    position: int
    measured: Measured | None
    pictures: Mapping[str, str]
    damage: tuple[str, ...]


def read_measured(path: Path) -> Measured:
    """Return what was measured.

    Raises:
        RunError: The file is damaged.
    """
    try:
        return Measured.model_validate(json_object(path))
    except (RunError, ValidationError) as error:
        reason = str(error).splitlines()[0].removeprefix(f"{path}: ")
        raise RunError(f"{path}: {reason}; run `vsda gap` again") from None


def run_gaps(runs: Sequence[Run], *, with_pictures: bool) -> list[RunGap]:
    """Return the gaps that were measured in the folders of `runs`."""
    found = enumerate(run.folder / GAP / GAP_FILE for run in runs)
    return [_run_gap(place, path, with_pictures) for place, path in found if path.is_file()]


def _run_gap(position: int, path: Path, with_pictures: bool) -> RunGap:
    try:
        measured = read_measured(path)
    except RunError as error:
        return RunGap(position=position, measured=None, pictures={}, damage=(str(error),))
    pictures, troubles = {}, []
    for network in measured.networks if with_pictures else ():
        if network.picture is not None:
            try:
                pictures[network.name] = _picture(path.parent / Path(network.picture).name)
            except (ShardError, OSError) as error:
                troubles.append(f"{path.parent / network.picture}: {error}; run `vsda gap` again")
    return RunGap(position=position, measured=measured, pictures=pictures, damage=tuple(troubles))


def _picture(path: Path) -> str:
    image = decode_image(path.read_bytes())
    height_px, width_px = image.shape[:2]
    shown_px = min(width_px, MAX_WIDTH_PX)
    return photo_uri(image, (shown_px, max(1, round(height_px * shown_px / width_px))))
