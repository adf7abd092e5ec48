"""The folder that a measurement leaves: `gap.json` and one picture for each network."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vsda.gap.measure import Gap
from vsda.gap.remarks import remarks
from vsda.gap.result import GapResult
from vsda.storage import write_atomic

GAP_DIR = "gap"
GAP_FILE = "gap.json"


def gap_document(result: GapResult) -> dict[str, Any]:
    """Return all numbers as JSON values, with the remarks on each network."""
    document = asdict(result)
    document["remarks"] = remarks(result)
    return document


def write_gap(gap: Gap, folder: Path) -> None:
    """Write pictures and numbers into `folder`; where `gap.json` is, all that it names is there.

    An older measurement in the folder is replaced.
    """
    numbers = folder / GAP_FILE
    numbers.unlink(missing_ok=True)  # its pictures are about to be others
    for name, png in gap.pictures.items():
        write_atomic(folder / name, png)
    write_atomic(numbers, json.dumps(gap_document(gap.result), indent=2).encode() + b"\n")
