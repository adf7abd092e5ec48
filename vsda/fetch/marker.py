"""What an unpacked archive has left in a dataset's folder, written when all of it is there."""

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

    def missing(self, root: Path) -> list[str]:
        """Return the files that are not there any more."""
        return [name for name in self.files if not (root / name).is_file()]

    def changed(self, root: Path, *, verify: bool) -> list[str]:
        """Return the files that have another size now; with `verify`, other bytes."""
        names = [name for name in self.files if (root / name).is_file()]
        if verify:
            return [name for name in names if facts_of(root / name) != self.files[name]]
        return [
            name for name in names if (root / name).stat().st_size != self.files[name].size_bytes
        ]


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
