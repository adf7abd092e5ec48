"""Network weights by name: where they lie, which of them are there, and how the others come."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from vsda.errors import FetchError, UnknownNameError, WeightsError
from vsda.fetch.archive_plan import State
from vsda.fetch.checks import Checks
from vsda.fetch.http import DEFAULT_LIMITS, HttpLimits, download_checked
from vsda.fetch.http_errors import HttpStatusError, NetworkError, WrongContentError
from vsda.fetch.partial import PartFile
from vsda.fetch.weights_file import weights_fault
from vsda.manifests import WeightsSource, weights_sources
from vsda.progress import byte_progress
from vsda.storage import join


class Presence(StrEnum):
    """How it stands with a file on this machine, as far as its size tells."""

    HERE = "here"
    PART = "in part"
    OTHER = "of another size"
    ABSENT = "no"


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsOptions:
    """Where weights go to and come from.

    Attributes:
        folder: Where they lie on this machine.
        mirror: Folder or URL that has them by their files' names; None for the authors' servers.
        limits: When a download gives up.
        again: Bring what is there, too.
    """

    folder: Path
    mirror: str | None = None
    limits: HttpLimits = DEFAULT_LIMITS
    again: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsReport:
    """What became of one file that was wanted.

    Attributes:
        name: Its name in the table.
        place: Where it comes from.
        path: Where it lies, or would.
        state: Up to date, fetched or failed.
        size_bytes: Its size; None where it did not come.
        message: Why it failed.
    """

    name: str
    place: str
    path: Path
    state: State
    size_bytes: int | None = None
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the values that JSON takes."""
        return asdict(self) | {"path": str(self.path)}


def find_weights(name_or_place: str, folder: Path) -> Path | str:
    """Return where weights lie: the file of a known name, or the path or URL that was given.

    What has a slash or a dot in it, or lies there, is a path or URL, and is not looked at, unless
    it is the bare name of a file that lies in `folder` and not here; all else is a name.

    Args:
        name_or_place: A name of `weights_sources`, a path or a URL.
        folder: Where the weights with a name lie.

    Raises:
        WeightsError: The file of the name is not there, or not whole.
        UnknownNameError: There is no such name.
    """
    source = weights_sources().get(name_or_place)
    if source is not None:
        return _file_of(source, folder)
    own = folder / name_or_place
    if "/" not in name_or_place and not Path(name_or_place).exists() and own.is_file():
        return own
    if "/" in name_or_place or "." in name_or_place or Path(name_or_place).exists():
        return name_or_place
    raise UnknownNameError("weights", name_or_place, weights_sources())


def presence(source: WeightsSource, folder: Path) -> Presence:
    """Return whether a file of weights is there."""
    path = folder / source.file
    if path.is_file():
        is_other = source.size_bytes not in {None, path.stat().st_size}
        return Presence.OTHER if is_other else Presence.HERE
    return Presence.PART if PartFile(path).size_bytes else Presence.ABSENT


def fetch_weights(names: Sequence[str], options: WeightsOptions) -> Iterator[WeightsReport]:
    """Bring the files of `names` that are not there yet, and yield how it stands with each.

    One that fails does not stop the others. A file that is there is read and compared with its
    digest, and comes anew if that is another. Where no digest is published, it must at least look
    like a file of weights.

    Raises:
        UnknownNameError: There is no such name; before anything comes.
        DiskFullError: No room; what came is kept, and the next call goes on from there.
        VsdaError: Another process brings the same file.
    """
    known = weights_sources()
    for name in names:
        if name not in known:
            raise UnknownNameError("weights", name, known)
    for name in dict.fromkeys(names):
        yield _try(known[name], options)


def _file_of(source: WeightsSource, folder: Path) -> Path:
    path = folder / source.file
    stand = presence(source, folder)
    if stand == Presence.HERE:
        return path
    found = {
        Presence.ABSENT: "not there",
        Presence.PART: "there in part only",
        Presence.OTHER: f"not of {source.size_bytes} bytes, as expected",
    }[stand]
    raise WeightsError(
        f"{path}: the weights {source.name!r} are {found}; `vsda weights fetch {source.name}` "
        "brings them"
    )


def _try(source: WeightsSource, options: WeightsOptions) -> WeightsReport:
    """Fetch one file; what is wrong with its server or its content becomes a report."""
    path = options.folder / source.file
    place = join(options.mirror, source.file) if options.mirror else source.url
    before = _identity(path)
    try:
        size_bytes = _download(source, place, path, options)
    except FetchError as error:
        message = f"{error}{_advice(error, path)}"
        return WeightsReport(
            name=source.name, place=place, path=path, state=State.FAILED, message=message
        )
    is_old = before is not None and before == _identity(path)
    return WeightsReport(
        name=source.name,
        place=place,
        path=path,
        state=State.UP_TO_DATE if is_old else State.FETCHED,
        size_bytes=size_bytes,
    )


def _download(source: WeightsSource, place: str, path: Path, options: WeightsOptions) -> int:
    look = weights_fault if source.sha256 is None else None
    checks = Checks(size_bytes=source.size_bytes, sha256=source.sha256, look=look)
    with byte_progress(f"weights: download {source.name}") as show:
        return download_checked(
            place, path, checks, limits=options.limits, on_bytes=show, again=options.again
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what changes when another file gets the name `path`, None while there is none."""
    if not path.is_file():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _advice(error: FetchError, path: Path) -> str:
    if isinstance(error, WrongContentError):
        return "; give another --mirror, or your own file by its path in place of the name"
    if isinstance(error, HttpStatusError):
        return f"; give --mirror, or put the file there by hand as {path}"
    if isinstance(error, NetworkError):
        return "; what came is kept: run again to go on, or give --mirror"
    return "; --mirror must have the files by their names, see `vsda weights list --json`"
