"""Which archives of a dataset are wanted, and how it stands with each; nothing is written here.

`<root>/archives` keeps what is coming, and with `keep_archives` what has come;
`<root>/.vsda-fetch` keeps a marker for each archive that was unpacked whole.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from vsda.errors import UnknownNameError
from vsda.fetch.checks import Checks
from vsda.fetch.disk import free_bytes
from vsda.fetch.http import DEFAULT_LIMITS, HttpLimits, ask_size, is_web
from vsda.fetch.http_errors import DiskFullError
from vsda.fetch.marker import Marker, read_marker
from vsda.fetch.partial import PartFile
from vsda.manifests import Source, sources
from vsda.storage import join, local_path

ARCHIVES = "archives"
_SHOWN = 3


class State(StrEnum):
    """How it stands with an archive."""

    UP_TO_DATE = "up to date"
    TO_FETCH = "to fetch"
    FETCHED = "fetched"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchOptions:
    """What is wanted of a dataset, and from where.

    Attributes:
        root: The dataset's folder.
        only: Parts of the dataset, as the table of sources names them; None for the usual ones.
        variant: Such as a resolution; None for the first that the table has.
        mirror: Folder or URL that has the archives by their names; None for the authors' server.
        keep_archives: Keep them after they are unpacked.
        unchecked: Take archives whose size or digest is not the one that is known.
        verify: Read every file that is there, rather than look at its size.
        limits: When a download gives up.
    """

    root: Path
    only: tuple[str, ...] | None = None
    variant: str | None = None
    mirror: str | None = None
    keep_archives: bool = False
    unchecked: bool = False
    verify: bool = False
    limits: HttpLimits = DEFAULT_LIMITS


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveReport:
    """How it stands with one archive, for a user.

    Attributes:
        archive: Its name.
        place: Where it comes from.
        state: Whether it is there.
        size_bytes: Its size; None where nobody says.
        num_files: Files that are there of it.
        unpacked_bytes: The size of those.
        message: Why it failed.
        notes: What a user should know.
    """

    archive: str
    place: str
    state: State
    size_bytes: int | None = None
    num_files: int = 0
    unpacked_bytes: int = 0
    message: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the values that JSON takes."""
        return asdict(self) | {"notes": list(self.notes)}


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchPlan:
    """What a fetch would do.

    Attributes:
        archives: One report each.
        needed_bytes: Room that it needs at least, as far as sizes are known.
        free_bytes: Room that there is.
    """

    archives: tuple[ArchiveReport, ...]
    needed_bytes: int
    free_bytes: int


def plan(dataset: str, options: FetchOptions) -> FetchPlan:
    """Return what `fetch` would do; nothing is written.

    Raises:
        UnknownNameError: A part or variant that the dataset does not have.
    """
    archives = tuple(_stand(source, options) for source in _chosen(dataset, options))
    needed = _needed_bytes([row for row in archives if row.state == State.TO_FETCH], options)
    return FetchPlan(archives=archives, needed_bytes=needed, free_bytes=free_bytes(options.root))


def no_room(planned: FetchPlan, options: FetchOptions) -> DiskFullError:
    """Return the error for a plan that does not fit on the disk."""
    return DiskFullError(
        f"{options.root}: about {planned.needed_bytes / 1e6:.1f} MB are needed for the archives "
        f"and what is in them, and the disk has {planned.free_bytes / 1e6:.1f} MB left; free some "
        "space, or give --only or another --out"
    )


def _chosen(dataset: str, options: FetchOptions) -> list[Source]:
    rows = sources(dataset)
    variants = [row.variant for row in rows if row.variant is not None]
    variant = options.variant or (variants[0] if variants else None)
    if variant not in {row.variant for row in rows}:
        raise UnknownNameError("--resolution", str(variant), set(variants))
    rows = tuple(row for row in rows if row.variant == variant)
    if options.only is None:
        return [row for row in rows if row.is_default]
    known = {part for row in rows for part in row.parts}
    for part in options.only:
        if part not in known:
            raise UnknownNameError(f"part of {dataset}", part, known)
    return [row for row in rows if set(row.parts) & set(options.only)]


def _stand(source: Source, options: FetchOptions) -> ArchiveReport:
    """Return whether an archive is there; one that is not is asked for its size."""
    place = join(options.mirror, source.file) if options.mirror else source.url
    found = _found(source, options)
    if found is not None:
        return found
    size_bytes = None if options.unchecked else source.size_bytes
    if size_bytes is None:
        size_bytes = ask_size(place)
    return ArchiveReport(
        archive=source.file, place=place, state=State.TO_FETCH, size_bytes=size_bytes
    )


def _found(source: Source, options: FetchOptions) -> ArchiveReport | None:
    """Return how it stands with an archive that was fetched; None if it must be fetched."""
    if source.into is None:
        return _found_file(source, options)
    marker = read_marker(options.root, source.file)
    if marker is None:
        return None
    gone, changed = marker.compare(options.root, verify=options.verify)
    if gone:
        return None
    message = (
        f"{len(changed)} files are not as the archive had them any more: {first_names(changed)}; "
        "delete them and run again"
    )
    fault = checks_of(source, options).fault_of(marker.size_bytes, marker.sha256)
    return replace(
        marker_report(marker, state=State.FAILED if changed else State.UP_TO_DATE),
        message=message if changed else "",
        notes=(*marker.notes, *([f"it came from another archive: {fault}"] if fault else [])),
    )


def _found_file(source: Source, options: FetchOptions) -> ArchiveReport | None:
    path = options.root / source.file
    if not path.is_file() or checks_of(source, options).fault(path) is not None:
        return None
    return file_report(source, path, str(path), State.UP_TO_DATE)


def _needed_bytes(pending: Sequence[ArchiveReport], options: FetchOptions) -> int:
    """Return the room for archives and what is in them, which is hardly less than the archives."""
    sizes = [row.size_bytes or 0 for row in pending]
    coming = [
        0 if local_archive(row.place) else size - _have_bytes(options, row.archive)
        for row, size in zip(pending, sizes, strict=True)
    ]
    together = sum(coming) if options.keep_archives else max(coming, default=0)
    return sum(sizes) + max(0, together)


def _have_bytes(options: FetchOptions, archive: str) -> int:
    """Return how much of an archive is on the disk already."""
    path = options.root / ARCHIVES / archive
    return path.stat().st_size if path.is_file() else PartFile(path).size_bytes


def checks_of(source: Source, options: FetchOptions) -> Checks:
    """Return what an archive must be like."""
    if options.unchecked:
        return Checks()
    return Checks(size_bytes=source.size_bytes, sha256=source.sha256, md5=source.md5)


def local_archive(place: str) -> Path | None:
    """Return the path of an archive that lies on this machine, None for any other."""
    return None if is_web(place) else local_path(place)


def marker_report(marker: Marker, *, state: State) -> ArchiveReport:
    """Return the report of an archive that was unpacked."""
    return ArchiveReport(
        archive=marker.archive,
        place=marker.place,
        state=state,
        size_bytes=marker.size_bytes,
        num_files=len(marker.files),
        unpacked_bytes=marker.unpacked_bytes,
        notes=marker.notes,
    )


def file_report(source: Source, path: Path, place: str, state: State) -> ArchiveReport:
    """Return the report of a file that stays as it is."""
    size_bytes = path.stat().st_size
    return ArchiveReport(
        archive=source.file,
        place=place,
        state=state,
        size_bytes=size_bytes,
        num_files=1,
        unpacked_bytes=size_bytes,
    )


def first_names(names: Sequence[str]) -> str:
    """Return the first few names, for a message."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
