"""The ledger of a set in the making: which videos could be had, and which not."""

from pathlib import Path

from vsda.acquire.layout import Layout
from vsda.acquire.state import read_state
from vsda.fetch.ledger import write_ledger


def export_ledger(out: str, split: str, path: Path) -> None:
    """Write what is known of the videos of a set, finished or not, to `path`.

    Raises:
        ShardError: The set is damaged.
    """
    layout = Layout(out, split)
    rows = read_state(layout).rows.values()
    write_ledger(path, rows, set_name=layout.name, split=split)
