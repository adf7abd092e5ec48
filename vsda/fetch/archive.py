"""Bring the archives of a dataset: download, unpack, mark what is whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from vsda.errors import FetchError, StoppedError, VsdaError
from vsda.fetch.archive_errors import DamagedArchiveError, HostileArchiveError
from vsda.fetch.archive_plan import (
    ARCHIVES,
    ArchiveReport,
    FetchOptions,
    State,
    checks_of,
    file_report,
    first_names,
    local_archive,
    marker_report,
    no_room,
    plan,
)
from vsda.fetch.checks import file_digest
from vsda.fetch.http import download_checked
from vsda.fetch.http_errors import HttpStatusError, NetworkError, WrongContentError
from vsda.fetch.marker import Marker, write_marker
from vsda.fetch.unpack import OWN_FOLDER, UnpackRules, unpack
from vsda.manifests import Source, sources
from vsda.progress import byte_progress
from vsda.storage import exclusive


def fetch(dataset: str, options: FetchOptions) -> Iterator[ArchiveReport]:
    """Bring what is not there yet, and yield how it stands with each archive.

    One that fails does not stop the others.

    Raises:
        UnknownNameError: A part or variant that the dataset does not have.
        DiskFullError: No room; found before the first download as far as sizes are known.
        VsdaError: Another process fetches into the same folder.
    """
    with exclusive(options.root / OWN_FOLDER / "lock"):
        planned = plan(dataset, options)
        if planned.needed_bytes > planned.free_bytes:
            raise no_room(planned, options)
        by_name = {source.file: source for source in sources(dataset)}
        for row in planned.archives:
            if row.state == State.TO_FETCH:
                yield _try(dataset, by_name[row.archive], row, options)
            else:
                yield row


def _try(dataset: str, source: Source, row: ArchiveReport, options: FetchOptions) -> ArchiveReport:
    """Fetch one archive; what goes wrong with it becomes a report."""
    try:
        if source.into is None:
            return _fetch_file(dataset, source, row.place, options)
        return _fetch_archive(dataset, source, row.place, options)
    except StoppedError:
        raise
    except VsdaError as error:
        return ArchiveReport(
            archive=source.file,
            place=row.place,
            state=State.FAILED,
            size_bytes=row.size_bytes,
            message=f"{error}{_advice(error, options.root / ARCHIVES)}",
        )


def _advice(error: VsdaError, folder: Path) -> str:
    if isinstance(error, WrongContentError):
        return "; give another --mirror, or --unchecked if this one means to have another archive"
    if isinstance(error, HttpStatusError):
        return f"; give --mirror, or put the file into {folder} by hand, and run again"
    if isinstance(error, NetworkError):
        return "; what came is kept: run again to go on, or give --mirror"
    return ""


def _fetch_file(dataset: str, source: Source, place: str, options: FetchOptions) -> ArchiveReport:
    path = options.root / source.file
    _download(dataset, source, place, path, options)
    return file_report(source, path, place, State.FETCHED)


def _fetch_archive(
    dataset: str, source: Source, place: str, options: FetchOptions
) -> ArchiveReport:
    archive = local_archive(place)
    is_ours = archive is None
    if archive is None:
        archive = options.root / ARCHIVES / source.file
        _download(dataset, source, place, archive, options)
    else:
        _check_local(archive, source, options)
    try:
        marker = _unpack(dataset, source, place, archive, options)
    except (DamagedArchiveError, HostileArchiveError) as error:
        if not is_ours:
            raise
        archive.unlink()
        raise FetchError(f"{error}; the archive is deleted, run again to fetch it anew") from error
    if is_ours and not options.keep_archives:
        archive.unlink()
        _remove_empty(archive.parent)
    return marker_report(marker, state=State.FETCHED)


def _download(
    dataset: str, source: Source, place: str, target: Path, options: FetchOptions
) -> None:
    with byte_progress(f"{dataset}: download {source.file}") as show:
        download_checked(
            place, target, checks_of(source, options), limits=options.limits, on_bytes=show
        )


def _unpack(
    dataset: str, source: Source, place: str, archive: Path, options: FetchOptions
) -> Marker:
    rules = UnpackRules(strip=source.strip, into=source.into or ".")
    with byte_progress(f"{dataset}: unpack {source.file}") as show:
        unpacked = unpack(archive, options.root, rules, show)
    marker = Marker(
        archive=source.file,
        place=place,
        sha256=file_digest(archive, "sha256"),
        size_bytes=archive.stat().st_size,
        kept=unpacked.kept,
        notes=(*unpacked.notes, *_kept_note(unpacked.kept)),
        files=unpacked.files,
    )
    write_marker(options.root, marker)
    return marker


def _kept_note(kept: Sequence[str]) -> tuple[str, ...]:
    if not kept:
        return ()
    return (
        f"{len(kept)} files were there with other bytes and stay: {first_names(kept)}; to have "
        "those of the archive, delete them and run again",
    )


def _check_local(archive: Path, source: Source, options: FetchOptions) -> None:
    if not archive.is_file():
        raise FetchError(f"{archive}: no such file; --mirror must have the archives by their names")
    fault = checks_of(source, options).fault(archive)
    if fault is not None:
        raise WrongContentError(f"{archive}: {fault}")


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
