"""Unpack an archive so that nothing half lies under a final name, whenever the process ends.

Everything goes into a hidden folder first; when the archive was read to its end without a fault,
its folders are renamed into place, each in one step. A run that was killed starts anew. Files that
are there already stay as they are.
"""

import filecmp
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vsda.errors import FetchError
from vsda.fetch.archive_errors import DamagedArchiveError, HostileArchiveError
from vsda.fetch.disk import check_space, full_disk_stops
from vsda.fetch.members import Archive, Member, open_archive
from vsda.storage import sync_dir

OWN_FOLDER = ".vsda-fetch"
"""The folder inside a dataset's folder that keeps what is known of its archives."""

_BLOCK_BYTES = 1 << 20
_LEFT_OUT = "__MACOSX"
"""What archives made on a Mac have beside the files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnpackRules:
    """What of an archive is wanted, where it goes, and when it is a bomb.

    Attributes:
        strip: The folder of the archive whose content is wanted; None for all of it.
        into: Where that goes, below the folder that is unpacked into.
        max_files: Most files and folders.
        max_bytes: Most bytes of all files.
        max_ratio: Most bytes of all files for each byte of the archive...
        allowed_bytes: ...beyond these.
    """

    strip: str | None = None
    into: str = "."
    max_files: int = 5_000_000
    max_bytes: int = 2_000_000_000_000
    max_ratio: int = 200
    allowed_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """Size and CRC-32 of a file."""

    size_bytes: int
    crc32: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """What became of an archive.

    Attributes:
        files: Every file by its path below the folder, as it lies there now.
        kept: Those that were there before with other bytes, and stayed.
        notes: What a user should know.
    """

    files: dict[str, UnpackedFile]
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


DEFAULT_RULES = UnpackRules()


def unpack(
    path: Path,
    folder: Path,
    rules: UnpackRules = DEFAULT_RULES,
    on_bytes: Callable[[int, int | None], None] | None = None,
) -> Unpacked:
    """Unpack the archive at `path` into `folder` and return what is there now.

    Raises:
        DamagedArchiveError: The archive is cut or has wrong bytes.
        HostileArchiveError: It holds links, devices, names that lead out, too much.
        DiskFullError: No room.
        FetchError: A file is in the way of a folder, or the other way round.
    """
    staging = folder / OWN_FOLDER / f"{path.name}.unpacking"
    _remove(staging)
    with full_disk_stops(folder), open_archive(path) as archive:
        wanted, num_left_out = _plan(path, archive, rules)
        check_space(folder, sum(member.size_bytes for _, member in wanted))
        try:
            files = _write_all(path, archive, wanted, staging, on_bytes)
        except BaseException:
            _remove(staging)  # what is not whole is of no use
            raise
        os.sync()  # renames must not reach the disk before the bytes
        kept = tuple(sorted(_move_into(staging, folder)))
    _remove(staging)
    sync_dir(folder)
    files |= {name: facts_of(folder / name) for name in kept}
    notes = (*_left_out_note(num_left_out, rules), *_case_note(files))
    return Unpacked(files=files, kept=kept, notes=notes)


def facts_of(path: Path) -> UnpackedFile:
    """Return size and CRC-32 of the file at `path`."""
    crc32 = size_bytes = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            crc32 = zlib.crc32(block, crc32)
            size_bytes += len(block)
    return UnpackedFile(size_bytes, crc32)


def _plan(path: Path, archive: Archive, rules: UnpackRules) -> tuple[list[tuple[str, Member]], int]:
    """Return the wanted members with their new paths, and how many are not wanted."""
    wanted: list[tuple[str, Member]] = []
    num_left_out = 0
    for member in _bounded(path, archive.members(), rules):
        name = _new_name(member, rules)
        if name is None:
            num_left_out += not member.is_folder
        elif name.split("/")[0] == OWN_FOLDER:
            raise HostileArchiveError(
                f"{path}: {member.path!r} is a name that vsda keeps for itself"
            )
        else:
            wanted.append((name, member))
    _check_names(path, wanted)
    if not any(not member.is_folder for _, member in wanted):
        inside = f" in its folder {rules.strip!r}" if rules.strip else ""
        raise DamagedArchiveError(f"{path}: expected files{inside}, got none; another archive?")
    return wanted, num_left_out


def _bounded(path: Path, members: Iterable[Member], rules: UnpackRules) -> Iterator[Member]:
    """Yield members until they are more than any dataset has."""
    most_bytes = min(rules.max_bytes, rules.allowed_bytes + rules.max_ratio * path.stat().st_size)
    num_bytes = 0
    for number, member in enumerate(members, start=1):
        num_bytes += member.size_bytes
        if number > rules.max_files:
            raise HostileArchiveError(f"{path}: holds more than {rules.max_files} files")
        if num_bytes > most_bytes:
            raise HostileArchiveError(
                f"{path}: would become more than {most_bytes} bytes, too many for its size"
            )
        yield member


def _new_name(member: Member, rules: UnpackRules) -> str | None:
    """Return the path of a member below the folder, None if it is not wanted."""
    strip = PurePosixPath(rules.strip or ".").parts
    if member.parts[: len(strip)] != strip or _LEFT_OUT in member.parts:
        return None
    rest = member.parts[len(strip) :]
    return str(PurePosixPath(rules.into, *rest)) if rest else None


def _check_names(path: Path, wanted: Iterable[tuple[str, Member]]) -> None:
    """Raise if a name comes twice, or is a file and a folder."""
    files: set[str] = set()
    folders: set[str] = set()
    for name, member in wanted:
        if not member.is_folder:
            if name in files:
                raise HostileArchiveError(f"{path}: {name!r} comes twice")
            files.add(name)
        else:
            folders.add(name)
        folders.update(str(parent) for parent in PurePosixPath(name).parents)
    for name in sorted(files & folders):
        raise HostileArchiveError(f"{path}: {name!r} is a file and a folder")


def _write_all(
    path: Path,
    archive: Archive,
    wanted: Iterable[tuple[str, Member]],
    staging: Path,
    on_bytes: Callable[[int, int | None], None] | None,
) -> dict[str, UnpackedFile]:
    wanted = list(wanted)
    total_bytes = sum(member.size_bytes for _, member in wanted)
    files: dict[str, UnpackedFile] = {}
    done_bytes = 0
    for name, member in wanted:
        place = staging / name
        if member.is_folder:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        files[name] = _write(path, archive, member, place)
        done_bytes += member.size_bytes
        if on_bytes:
            on_bytes(done_bytes, total_bytes)
    return files


def _write(path: Path, archive: Archive, member: Member, place: Path) -> UnpackedFile:
    """Write one file; what the archive says of its size is not believed."""
    crc32 = size_bytes = 0
    with archive.open(member) as source, place.open("xb") as file:
        while block := source.read(_BLOCK_BYTES):
            size_bytes += len(block)
            if size_bytes > member.size_bytes:
                break
            crc32 = zlib.crc32(block, crc32)
            file.write(block)
    if size_bytes != member.size_bytes:
        raise DamagedArchiveError(
            f"{path}: a damaged archive: {member.path!r} should have {member.size_bytes} bytes "
            f"and has {'more' if size_bytes > member.size_bytes else size_bytes}"
        )
    return UnpackedFile(size_bytes, crc32)


def _move_into(staging: Path, folder: Path) -> Iterator[str]:
    """Rename what lies in `staging` into `folder`; yield the files that were there and differ."""
    for place in sorted(staging.iterdir()):
        for kept in _move(place, folder / place.name):
            yield str(PurePosixPath(place.name, *kept))


def _move(source: Path, target: Path) -> Iterator[tuple[str, ...]]:
    """Rename a file or folder; where there is a folder already, what lies in it."""
    if not os.path.lexists(target):
        source.rename(target)
    elif source.is_dir() and target.is_dir():
        for inner in sorted(source.iterdir()):
            for kept in _move(inner, target / inner.name):
                yield (inner.name, *kept)
        sync_dir(target)
    elif source.is_dir() or not target.is_file():
        kind = "a folder" if source.is_dir() else "a file"
        raise FetchError(f"{target}: in the way of {kind} of the archive; move it away")
    elif not filecmp.cmp(source, target, shallow=False):
        yield ()


def _left_out_note(num_left_out: int, rules: UnpackRules) -> tuple[str, ...]:
    if not num_left_out:
        return ()
    where = f"outside its folder {rules.strip!r}" if rules.strip else "of no use"
    return (f"{num_left_out} files of the archive are {where} and are left out",)


def _case_note(files: Iterable[str]) -> tuple[str, ...]:
    """Return a note on names that are one name where upper and lower case are the same."""
    seen: dict[str, str] = {}
    pairs = [
        (seen[name.casefold()], name)
        for name in files
        if seen.setdefault(name.casefold(), name) != name
    ]
    if not pairs:
        return ()
    first, second = pairs[0]
    return (
        f"{len(pairs)} names differ in upper and lower case only, such as {first} and {second}; "
        "some disks cannot keep both",
    )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
