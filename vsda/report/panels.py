"""The pictures that runs kept while they trained: the first and the last of each run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsda.errors import RunError, ShardError
from vsda.report.layers import photo_uri
from vsda.report.read import Run
from vsda.shards.read import decode_image

PANELS = "panels"
MAX_WIDTH_PX = 1600

_PANEL = re.compile(r".+-(\d{6,})\.png")


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A kept picture.

    Attributes:
        step: Steps done.
        uri: Data URI of the picture as JPEG.
    """

    step: int
    uri: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPanels:
    """What a run kept.

    Attributes:
        position: Of the run among all.
        last: None where it is damaged.
        first: None where there is only one, where it is damaged or not asked for.
        damage: What is wrong with a picture that is not here.
    """

    position: int
    last: Panel | None
    first: Panel | None
    damage: tuple[str, ...]


def run_panels(
    runs: Sequence[Run], positions: Sequence[int], *, with_first: bool = True
) -> list[RunPanels]:
    """Return the panels of the runs at `positions` that have any, the first ones if wanted."""
    found = [(position, _files(runs[position].folder / PANELS)) for position in positions]
    return [
        _run_panels(position, files[-1], files[0] if with_first and len(files) > 1 else None)
        for position, files in found
        if files
    ]


def _run_panels(position: int, last: tuple[int, Path], first: tuple[int, Path] | None) -> RunPanels:
    panels: list[Panel | None] = []
    damage = []
    for wanted in (last, first):
        try:
            panels.append(_panel(*wanted) if wanted else None)
        except RunError as error:
            panels.append(None)
            damage.append(str(error))
    return RunPanels(position=position, last=panels[0], first=panels[1], damage=tuple(damage))


def _files(folder: Path) -> list[tuple[int, Path]]:
    """Return the pictures of a folder with their steps, in that order."""
    named = ((path, _PANEL.fullmatch(path.name)) for path in folder.glob("*.png"))
    return sorted((int(name[1]), path) for path, name in named if name)


def _panel(step: int, path: Path) -> Panel:
    try:
        image = decode_image(path.read_bytes())
    except ShardError as error:
        raise RunError(f"{path}: {error}; remove it and make the page again") from None
    height_px, width_px = image.shape[:2]
    shown_px = min(width_px, MAX_WIDTH_PX)
    size = (shown_px, max(1, round(height_px * shown_px / width_px)))
    return Panel(step=step, uri=photo_uri(image, size))
