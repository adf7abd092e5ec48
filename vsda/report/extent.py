"""How much a page shows, from all of it down to text and curves alone."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_BYTES = 8_000_000
"""Of a page, unless somebody wants a larger one: small enough for a mail, and for a phone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """What of the pictures is shown.

    Attributes:
        num_pictures: Frames of each evaluation set, at most.
        first_panels: The first picture that each run kept while it was trained.
        last_panels: The last one.
        left_out: What is not, in sentences.
    """

    num_pictures: int
    first_panels: bool
    last_panels: bool
    left_out: tuple[str, ...] = ()


def extents(num_pictures: int, max_bytes: int) -> Iterator[Extent]:
    """Yield what a page may show, each smaller than the one before, the wanted extent first."""
    has_panels = num_pictures > 0
    yield Extent(num_pictures=num_pictures, first_panels=has_panels, last_panels=has_panels)
    if not has_panels:
        return
    why = (
        f"to keep this page below {max_bytes / 1e6:g} MB; they are in panels/ and gap/ of each run"
    )
    yield Extent(
        num_pictures=num_pictures,
        first_panels=False,
        last_panels=True,
        left_out=(f"The first pictures kept in training are left out, {why}.",),
    )
    panels = f"The pictures kept in training, and those of the gap, are left out, {why}."
    shown = num_pictures
    while shown:
        fewer = (
            f"Of each set {shown} frames are shown in place of {num_pictures}, for the same reason."
        )
        yield Extent(
            num_pictures=shown,
            first_panels=False,
            last_panels=False,
            left_out=(panels,) if shown == num_pictures else (panels, fewer),
        )
        shown //= 2
    yield Extent(
        num_pictures=0,
        first_panels=False,
        last_panels=False,
        left_out=(panels, "All frames are left out, for the same reason."),
    )
