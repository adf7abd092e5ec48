"""What the reference paper says of its tables' rows."""

from dataclasses import dataclass
from functools import cache

from vsda.manifests.table import manifest_path, read_table, unique


@dataclass(frozen=True, slots=True)
class PaperOrdering:
    """One ordering.

    Attributes:
        table: Name of the table.
        claim: `A > B` or `A ~ B`, by names of rows.
        set_name: What it is judged on.
        stated: What the text says.
    """

    table: str
    claim: str
    set_name: str
    stated: str


@cache
def paper_orderings() -> tuple[PaperOrdering, ...]:
    """Return all orderings that the text states."""
    columns = ("table", "claim", "set", "stated")
    rows = read_table(
        manifest_path("paper", "orderings"), columns, lambda cells: PaperOrdering(*cells)
    )
    return unique(rows, "paper/orderings.tsv", lambda row: (row.table, row.claim, row.set_name))
