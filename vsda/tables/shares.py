"""Which share of the gap each row closes in each world, as a table whose cells are coloured."""

from dataclasses import dataclass

from vsda.report.text import DASH
from vsda.tables.looks import RowLook, row_looks
from vsda.tables.paired import Estimate, difference
from vsda.tables.results import Column, Results
from vsda.tables.text import share_text

NO_GAP = "no gap"
_STRONGEST = 50
"""Per cent of a colour behind a share of 100 % and more; with more of it text is hard to read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """One cell.

    Attributes:
        text: The share, `no gap`, or a dash where there is no result.
        note: `within noise` where the row may be no better and no worse than its source.
        tone: `more` or `less` than the source; empty where there is no telling.
        strength: How much of the colour, in per cent.
    """

    text: str
    note: str = ""
    tone: str = ""
    strength: int = 0

    @property
    def is_share(self) -> bool:
        """Whether there is a gap to have a share of."""
        return self.text not in (DASH, NO_GAP)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareTable:
    """One set.

    Attributes:
        set_name: The set.
        headings: The worlds, or the set itself in a table with one world.
        rows: Each with a cell for every heading, without the sources and the ceiling.
        has_gap: In any of the cells.
    """

    set_name: str
    headings: tuple[str, ...]
    rows: tuple[tuple[RowLook, tuple[Share, ...]], ...]
    has_gap: bool


def share_tables(results: Results) -> tuple[ShareTable, ...]:
    """Return a table for each set; none for a table without a ceiling, or with no row between."""
    table = results.grid.table
    sources = {table.baseline(name) for name in results.shown}
    rows = [
        look
        for look in row_looks(results)
        if table.baseline(look.name) and look.name not in sources | {table.recipe.ceiling}
    ]
    if not (table.recipe.ceiling and rows):
        return ()
    return tuple(_table(results, name, rows) for name in table.recipe.sets)


def _table(results: Results, set_name: str, rows: list[RowLook]) -> ShareTable:
    columns = [one for one in results.columns if one.set_name == set_name]
    several = len(results.grid.worlds) > 1
    cells = tuple(
        (look, tuple(share_of(results, look.name, column) for column in columns)) for look in rows
    )
    return ShareTable(
        set_name=set_name,
        headings=tuple(one.world if several else one.set_name for one in columns),
        rows=cells,
        has_gap=any(cell.is_share for _, of_row in cells for cell in of_row),
    )


def share_of(results: Results, row: str, column: Column) -> Share:
    """Return the share of the gap that a row closes in a column, as its cell."""
    score, gap = column.scores.get(row), gap_of(results, row, column)
    if score is None or gap is None:
        return Share(text=DASH)
    if score.share is None or (gap.num > 1 and gap.low <= 0):
        return Share(text=NO_GAP)
    found = score.difference
    is_noise = found is not None and found.num > 1 and found.low <= 0 <= found.high
    if is_noise:
        return Share(text=share_text(score), note="within noise")
    return Share(
        text=share_text(score),
        tone="more" if score.share >= 0 else "less",
        strength=round(_STRONGEST * min(abs(score.share), 1.0)),
    )


def gap_of(results: Results, row: str, column: Column) -> Estimate | None:
    """Return the gap that a row can close: from the row that it is compared with to the ceiling."""
    table = results.grid.table
    source = column.scores.get(table.baseline(row))
    ceiling = column.scores.get(table.recipe.ceiling)
    return difference(ceiling.by_seed, source.by_seed) if source and ceiling else None
