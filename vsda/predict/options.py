"""What a user asks of a prediction, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from vsda.datasets.folder.options import FolderOptions, rate_of
from vsda.errors import UnknownNameError, UsageError

Kind = Literal["overlay", "masks", "coco-panoptic", "coco-rle"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_KINDS: tuple[Kind, ...] = ("overlay", "masks")

MIN_SIZE_PX = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Which frames of an input the network sees, and how.

    Attributes:
        size_px: Frames are resized to this square for the network; 0 for the recipe's.
        rate: How often a second a video is looked at, None for each of its frames. Of frames
            without a clock it is how many are shown in a second; None for the
            usual one.
        start_s: Where to begin on a video's timeline.
        stop_s: Where to end, this moment excluded; None for the video's end.
        still: Each picture of a folder is one by itself.
    """

    size_px: int = 0
    rate: Fraction | None = None
    start_s: Fraction = Fraction(0)
    stop_s: Fraction | None = None
    still: bool = False

    @property
    def is_part(self) -> bool:
        """Whether only a part of a video's timeline is wanted."""
        return self.start_s > 0 or self.stop_s is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """Which files become of a prediction.

    Attributes:
        out: The folder.
        kinds: Which of `KINDS`.
        opacity: Share of a class's colour in the overlay, in [0, 1].
        legend: Whether the overlay names the classes.
        overwrite: Replace older predictions of the same name.
    """

    out: Path
    kinds: tuple[Kind, ...] = DEFAULT_KINDS
    opacity: float = 0.5
    legend: bool = True
    overwrite: bool = False


def kinds_of(text: str) -> tuple[Kind, ...]:
    """Return the kinds that `text` lists between commas.

    Raises:
        UnknownNameError: Another word.
        UsageError: No word.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in KINDS:
            raise UnknownNameError("--as", word, KINDS)
    if not words:
        raise UsageError(f"--as {text!r}: expected some of {', '.join(KINDS)}, between commas")
    return tuple(kind for kind in KINDS if kind in words)


def seen_of(fps: str, size_px: int, *, start_s: float, stop_s: float | None, still: bool) -> Seen:
    """Return which frames are seen.

    Args:
        fps: A whole number, a fraction, or `native`.
        size_px: See `Seen`.
        start_s: See `Seen`.
        stop_s: See `Seen`.
        still: See `Seen`.

    Raises:
        UsageError: A value that makes no sense.
    """
    if size_px and size_px < MIN_SIZE_PX:
        raise UsageError(f"--size {size_px}: expected {MIN_SIZE_PX} pixels at least")
    if start_s < 0 or (stop_s is not None and stop_s <= start_s):
        raise UsageError(
            f"--start {start_s} --stop {stop_s}: expected seconds, the start before the stop"
        )
    rate = rate_of(FolderOptions(fps=fps))
    return Seen(
        size_px=size_px,
        rate=rate,
        start_s=_exact(start_s),
        stop_s=None if stop_s is None else _exact(stop_s),
        still=still,
    )


def _exact(seconds: float) -> Fraction:
    """Return the number as it was typed: 0.1 is a tenth, and no float is."""
    return Fraction(str(seconds))


def check_written(written: Written, names: Sequence[str]) -> None:
    """Check what is asked of the files, before any work.

    Raises:
        UsageError: An opacity that is no share, a file in place of the folder, or two inputs of the
            same name.
    """
    if not 0 <= written.opacity <= 1:
        raise UsageError(f"--opacity {written.opacity}: expected a share from 0 to 1")
    if written.out.exists() and not written.out.is_dir():
        raise UsageError(f"--out {written.out}: a file is in the way; name a folder")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"several inputs would be called {', '.join(twice)}; predict them into folders of "
            "their own with --out"
        )
