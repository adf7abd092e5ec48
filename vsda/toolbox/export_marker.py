"""The file that says whose an export is: what may be replaced, and whether all of it is there."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsda.errors import UsageError
from vsda.storage import Place, exists, join, list_names, local_path, read_bytes

MARKER = ".vsda-export.json"
_MAX_MARKER_BYTES = 1 << 24


class NameSum:
    """A hash of the names of any number of files, in any order, that keeps none of them."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, name: str) -> None:
        """Add a name that was not added before."""
        digest = hashlib.sha256(os.fsencode(name)).digest()
        self._sum = (self._sum + int.from_bytes(digest)) % (1 << 256)

    @property
    def text(self) -> str:
        """The hash, 64 hexadecimal digits."""
        return f"{self._sum:064x}"


def check_free(out: Place, overwrite: bool) -> None:
    """Refuse a place that holds something else than what an export may replace.

    Raises:
        UsageError: A file, a folder of somebody else, an export without leave to replace it, or one
            to which somebody has added something.
    """
    path = local_path(out)
    if path is not None and path.exists() and not path.is_dir():
        raise UsageError(f"--out {out}: a file is in the way; name a folder")
    present = set(list_names(out))
    if not present:
        return
    marker = _read_marker(out)
    if marker is None:
        raise UsageError(
            f"--out {out}: is not empty and no export of vsda (no {MARKER}), so it is left alone; "
            "name another folder"
        )
    if not overwrite:
        raise UsageError(
            f"--out {out}: holds an export already; name another folder, or give --overwrite to "
            "replace it"
        )
    strange = sorted(present - {MARKER, *marker["holds"]})
    if strange:
        raise UsageError(
            f"--out {out}: --overwrite would delete {', '.join(strange)}, which the export did not "
            "make; move that away, or name another folder"
        )
    if path is not None and _name_sum(path) != marker.get("names_sha256"):
        raise UsageError(
            f"--out {out}: files were added to this export or taken from it, and --overwrite would "
            "delete all of it; move it away, or name another folder"
        )


def _name_sum(folder: Path) -> str:
    """Return the hash of the names of all files below `folder` but for the marker."""
    names = NameSum()
    for top, _, files in os.walk(folder):
        for file in files:
            name = os.path.relpath(os.path.join(top, file), folder)  # noqa: PTH118  the fast way
            if name != MARKER:
                names.add(name)
    return names.text


def was_interrupted(out: str, description: Mapping[str, Any]) -> bool:
    """Return whether a run that was to write the same did not come to its end."""
    marker = _read_marker(out) or {}
    return marker.get("complete") is False and all(
        marker.get(name) == value for name, value in description.items()
    )


def _read_marker(out: Place) -> dict[str, Any] | None:
    """Return what the marker in `out` says, None where there is none of ours."""
    place = join(out, MARKER)
    path = local_path(place)
    if not exists(place) or (path is not None and (path.is_symlink() or not path.is_file())):
        return None
    try:
        marker = json.loads(read_bytes(place, most=_MAX_MARKER_BYTES))
    except (ValueError, RecursionError):
        return None
    if not isinstance(marker, dict) or not isinstance(marker.get("holds"), list):
        return None
    return marker if all(isinstance(name, str) for name in marker["holds"]) else None
