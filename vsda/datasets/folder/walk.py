"""All files below a folder, by the names and in the order that people gave them."""

import os
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vsda.datasets.listing import FoundFile

_DIGITS = re.compile("([0-9]+)")
_PASSED_OVER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
"""What systems leave in folders; like hidden files, nobody means it."""

Folder = tuple[int, int]
"""What the system calls a folder, whatever path led to it."""


@dataclass(slots=True)
class Tree:
    """What lies below a folder.

    Attributes:
        files: By their path below the folder.
        faults: Why a folder below it could not be read, by its path.
        repeated: Links to folders that were reached before, so that nothing is taken twice.
    """

    files: dict[str, FoundFile] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)


def walk(top: Path, without: Container[Folder] = frozenset()) -> Tree:
    """Return the files below `top`; links are followed, but into each folder only once.

    Folders come before links to them, so it does not depend on the links by which names files are
    found. A file that cannot be opened, as a link that leads nowhere, is among them.

    Args:
        top: Where to look.
        without: Folders that are not entered; see `folder_id`.
    """
    tree, seen = Tree(), set[Folder]()
    folders, links = [""], list[str]()
    while folders or links:
        if not folders:
            links.sort(reverse=True)
            folders.append(links.pop())
        _scan(top, folders.pop(), _Search(tree, seen, without, folders, links))
    return tree


def folder_id(path: Path) -> Folder:
    """Return what the system calls a folder."""
    found = path.stat()
    return found.st_dev, found.st_ino


def split_ending(name: str) -> tuple[str, str]:
    """Return a file's path without the ending of its name, and the ending in small letters."""
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    return (f"{folder}{slash}{stem}", f".{ending.lower()}") if dot else (name, "")


def natural_order(name: str) -> tuple[tuple[tuple[int | str, ...], ...], str]:
    """Return what to sort paths by, so that frame_2 comes before frame_10."""
    parts = (_DIGITS.split(part) for part in name.split("/"))
    return tuple(
        tuple(int(text) if place % 2 else text for place, text in enumerate(part)) for part in parts
    ), name


def digits_masked(name: str) -> str:
    """Return `name` with every number replaced, so that names that only count are equal."""
    return _DIGITS.sub("0", name)


@dataclass(frozen=True, slots=True)
class _Search:
    tree: Tree
    seen: set[Folder]
    without: Container[Folder]
    folders: list[str]
    links: list[str]


def _scan(top: Path, name: str, search: _Search) -> None:
    path = top / name
    try:
        itself = folder_id(path)
        if itself in search.without:
            return
        if itself in search.seen:
            search.tree.repeated.append(name)
            return
        search.seen.add(itself)
        with os.scandir(path) as entries:
            for entry in _meant(entries):
                _take(entry, f"{name}/{entry.name}" if name else entry.name, search)
    except OSError as error:
        search.tree.faults[name] = error.strerror or str(error)


def _meant(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (
        entry
        for entry in entries
        if not entry.name.startswith(".") and entry.name not in _PASSED_OVER
    )


def _take(entry: os.DirEntry[str], name: str, search: _Search) -> None:
    if _is_folder(entry):
        (search.links if entry.is_symlink() else search.folders).append(name)
    else:
        search.tree.files[name] = _facts(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _facts(entry: os.DirEntry[str]) -> FoundFile:
    """Return what the disk knows of a file; see `vsda.datasets.listing.find_files`."""
    try:
        itself = entry.stat(follow_symlinks=False)
        found = entry.stat() if entry.is_symlink() else itself
    except OSError:
        return FoundFile(size_bytes=0, changed_ns=0)
    return FoundFile(
        size_bytes=found.st_size, changed_ns=max(found.st_ctime_ns, itself.st_ctime_ns)
    )
