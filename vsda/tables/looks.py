"""How the rows of a table are drawn: each has one colour in all of the page's drawings."""

from dataclasses import dataclass

from vsda.report.looks import NUM_COLOURS
from vsda.tables.results import Results

LETTERS = 28
"""Of a name that stands beside a drawing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLook:
    """A row in drawings.

    Attributes:
        name: Its whole name.
        short: The name in at most `LETTERS` letters.
        label: What the table calls it.
        colour: Number of its colour in runs.css.
        is_hollow: Drawn as a ring, where more rows than colours are shown.
    """

    name: str
    short: str
    label: str
    colour: int
    is_hollow: bool


def row_looks(results: Results) -> tuple[RowLook, ...]:
    """Return the shown rows in order."""
    rows = results.grid.table.rows
    return tuple(
        RowLook(
            name=name,
            short=name if len(name) <= LETTERS else name[: LETTERS - 1] + "…",
            label=rows[name].label or name,
            colour=number % NUM_COLOURS,
            is_hollow=number >= NUM_COLOURS,
        )
        for number, name in enumerate(results.shown)
    )
