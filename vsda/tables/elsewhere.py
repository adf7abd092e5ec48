"""Trained runs in the folders of other tables, so that no network is trained twice."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from vsda.errors import UsageError
from vsda.tables.record import RECORD_FILE

logger = logging.getLogger(__name__)


def trained_in(folders: Iterable[Path]) -> dict[str, Path]:
    """Return run folders by the fingerprint of the network that lies there.

    Of several with the same one the first counts. A record that cannot be read is told and left
    out: the run is then made here.

    Raises:
        UsageError: One of them is not a folder.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--reuse {folder}: not a folder of a table's runs")
        for path in sorted(folder.rglob(RECORD_FILE)):
            fingerprint = _trained(path)
            if fingerprint:
                found.setdefault(fingerprint, path.parent)
    return found


def _trained(path: Path) -> str:
    """Return the fingerprint of a record, empty for one that is damaged or not trained yet."""
    try:
        record = json.loads(path.read_bytes())
        return str(record["fingerprint"]) if record["is_trained"] else ""
    except (OSError, ValueError, LookupError, TypeError) as error:
        logger.warning("%s: cannot be read and is not reused: %s", path, error)
        return ""
