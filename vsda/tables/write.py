"""Markdown, CSV and HTML: the same bytes for the same results, whatever stopped their making."""

from pathlib import Path

from vsda.storage import write_atomic
from vsda.tables import sheets
from vsda.tables.markdown import markdown
from vsda.tables.page import render_page
from vsda.tables.results import Results


def write_table(results: Results, out: Path, *, per_class: bool = False) -> tuple[Path, ...]:
    """Write a table into the folder `out`; return the files.

    `table.md`, `table.html` and `table.csv` have the table, `claims.csv` the verdicts,
    `classes.csv` the classes, `cells.csv` each run with the hash of what decided it and the
    versions, `costs.csv` how long each took. All but the last have the same bytes for the same
    results and run folders: the page shows what runs predicted, and what `vsda gap` has measured.

    Args:
        results: The numbers.
        out: The folder.
        per_class: Show the classes in Markdown and on the page, too.
    """
    files = {
        "table.md": markdown(results, per_class=per_class).encode(),
        "table.html": render_page(results, per_class=per_class),
        "table.csv": sheets.as_csv(sheets.table_rows(results)),
        "claims.csv": sheets.as_csv(sheets.claim_rows(results)),
        "classes.csv": sheets.as_csv(sheets.class_rows(results)),
        "cells.csv": sheets.as_csv(sheets.cell_rows(results)),
        "costs.csv": sheets.as_csv(sheets.cost_rows(results)),
    }
    for name, data in files.items():
        write_atomic(out / name, data)
    return tuple(out / name for name in files)
