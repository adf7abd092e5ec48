"""A place is a local path or an fsspec URL: which it is, and what its file system can do."""

from pathlib import Path
from typing import Any, cast

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from vsda.errors import VsdaError

Place = str | Path
"""A path of this machine, or an fsspec URL as text."""

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "r2"}
_CREATES_EXCLUSIVELY = {"s3", "s3a", "gs", "gcs", "memory"}


def to_place(text: Place) -> Place:
    """Return a place of this machine as a Path, `file://` included, and any other as its URL."""
    path = local_path(text)
    return str(text) if path is None else path


def local_path(place: Place) -> Path | None:
    """Return the path of a place of this machine, None for any other."""
    if isinstance(place, Path):
        return place
    filesystem, path = filesystem_of(place)
    if not isinstance(filesystem, LocalFileSystem):
        return None
    return Path(path) if "://" in place or place.startswith("~") else Path(place)


def is_local(place: Place) -> bool:
    """Return whether a path or URL names a file of this machine."""
    return isinstance(filesystem_of(place)[0], LocalFileSystem)


def join(folder: Place, name: str) -> str:
    """Return the place of `name` inside a folder or URL."""
    return f"{str(folder).rstrip('/')}/{name}"


def filesystem_of(place: Place) -> tuple[Any, str]:
    """Return the fsspec file system of a path or URL and the path inside it.

    It keeps no listings: what another process has written since would be missing in them. Threads
    may share it. A forked process gets one of its own here, with its own connections, but must not
    use what its parent made with the parent's, such as an open file.
    """
    try:
        return cast("tuple[Any, str]", url_to_fs(str(place), use_listings_cache=False))
    except (ImportError, ValueError, OSError) as error:
        raise VsdaError(f"{place}: this kind of place cannot be opened: {error}") from error


def is_object_store(filesystem: Any) -> bool:
    """Return whether an object appears whole or not at all, so that it needs no other name."""
    return bool(_protocols(filesystem) & _OBJECT_STORES)


def creates_exclusively(filesystem: Any) -> bool:
    """Return whether of two writers that create one file at once, one is told that it lost."""
    return bool(_protocols(filesystem) & _CREATES_EXCLUSIVELY)


def _protocols(filesystem: Any) -> set[str]:
    names = filesystem.protocol
    return {names} if isinstance(names, str) else set(names)
