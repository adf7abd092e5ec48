"""What an unpacked archive has left in a dataset's folder, written when all of it is there."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from vsda.fetch.unpack import OWN_FOLDER, UnpackedFile, facts_of
from vsda.storage import write_atomic


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """The proof that an archive was unpacked whole.

    Attributes:
        archive: Its name.
        place: Where it came from.
        sha256: Of the archive.
        size_bytes: Of the archive.
        kept: Files that were there before with other bytes, and stayed.
        notes: What a user should know.
        files: Every file by its path below the dataset's folder.
    """

    archive: str
    place: str
    sha256: str
    size_bytes: int
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: dict[str, UnpackedFile]

    @property
    def unpacked_bytes(self) -> int:
        """The size of all files."""
        return sum(file.size_bytes for file in self.files.values())

    def compare(self, root: Path, *, verify: bool) -> tuple[list[str], list[str]]:
        """Return the files that are gone and those of another size; with `verify`, other bytes."""
        gone: list[str] = []
        changed: list[str] = []
        for name, file in self.files.items():
            size_bytes = _size_bytes(f"{root}/{name}")
            if size_bytes is None:
                gone.append(name)
            elif size_bytes != file.size_bytes or (verify and facts_of(root / name) != file):
                changed.append(name)
        return gone, changed


def _size_bytes(path: str) -> int | None:
    """Return the size of a file, None where there is none; COCO has 118,287 to ask for."""
    try:
        found = os.stat(path)  # noqa: PTH116  several times as quick as a Path
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


_MARKER = TypeAdapter(Marker)


def marker_path(root: Path, archive: str) -> Path:
    """Return where the marker of an archive lies in a dataset's folder."""
    return root / OWN_FOLDER / f"{archive}.json"


def write_marker(root: Path, marker: Marker) -> None:
    """Say that the archive is there."""
    write_atomic(marker_path(root, marker.archive), _MARKER.dump_json(marker))


def read_marker(root: Path, archive: str) -> Marker | None:
    """Return the marker of an archive, None where there is none that can be read."""
    try:
        return _MARKER.validate_json(marker_path(root, archive).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
