"""Prove that a set is whole: every file is there, unchanged and in its place, and no other is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from vsda.errors import VsdaError
from vsda.progress import progress
from vsda.shards.index import ShardIndex, ShardSet, find_indexes, open_set
from vsda.shards.names import INDEX_SUFFIX, TAR_SUFFIX, file_name, folder_of, part_pattern, set_name
from vsda.shards.tars import load_idx
from vsda.storage import PART_ENDING, PART_SUFFIX, file_size, list_names, sha256_file

_NUMBERED = r"-\d+\.(tar|idx)"
_STAGING = rf"\.(?P<set>.+){re.escape(PART_SUFFIX)}"


_STAGING_MESSAGE = (
    "a run that makes this set left it, or still goes on; run its command again to finish it, or "
    "remove it when no run goes on"
)


class Kind(StrEnum):
    """What can be wrong with a set."""

    INDEX = "index"
    MISSING = "missing"
    CUT = "cut"
    CHANGED = "changed"
    SWAPPED = "swapped"
    UNREADABLE = "unreadable"
    COUNT = "count"
    DUPLICATE = "duplicate"
    EXTRA = "extra"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        shard: Name of the file that is wrong.
        kind: What is wrong with it.
        message: What was found and what was expected.
    """

    shard: str
    kind: Kind
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of one set found.

    Attributes:
        place: The index file that was checked, or the folder for tars that no index claims.
        shard_set: The set, None where its index is damaged.
        problems: All that is wrong; empty for a whole set.
    """

    place: str
    shard_set: ShardSet | None
    problems: list[Problem]


def verify_place(place: str) -> Iterator[Verdict]:
    """Check every set that `place` names; in a folder also that each tar belongs to a set.

    Raises:
        ShardError: There is no set.
    """
    indexes = find_indexes(place)
    for index in indexes:
        yield _verify_index(index)
    if folder_of(indexes[0]) == place.rstrip("/"):
        orphans = _orphans(place, indexes)
        if orphans:
            yield Verdict(place, None, orphans)


def verify(shard_set: ShardSet) -> list[Problem]:
    """Return everything that is wrong with a set; each file of it is read whole.

    Found are missing, cut, changed and swapped files, other tars and `.idx` files that `<set>-*`
    matches, what an interrupted run left, wrong counts and keys that occur twice. Numbered files
    of a longer set name belong to that set, whether it has an index or not.
    """
    files = set_files(shard_set.index)
    owners = {file.sha256: file.name for file in files}
    checks = progress(files, f"verify {shard_set.index.name}")
    found = [_file_problem(shard_set, file, owners) for file in checks]
    problems = [problem for problem in found if problem is not None]
    broken = {problem.shard for problem in problems}
    return problems + _key_problems(shard_set, broken) + _strays(shard_set)


@dataclass(frozen=True, slots=True)
class SetFile:
    """A file that the index promises; the size of an `.idx` is not in the index."""

    name: str
    sha256: str
    size_bytes: int | None


def set_files(index: ShardIndex) -> list[SetFile]:
    """Return the files that an index promises beside itself: all tars, then every `.idx`."""
    tars = [SetFile(info.url, info.sha256, info.filesize) for info in index.shards]
    return tars + [SetFile(info.idx_url, info.idx_sha256, None) for info in index.shards]


def _verify_index(index: str) -> Verdict:
    try:
        shard_set = open_set(index)
    except VsdaError as error:
        return Verdict(index, None, [Problem(file_name(index), Kind.INDEX, str(error))])
    return Verdict(index, shard_set, verify(shard_set))


def _file_problem(shard_set: ShardSet, file: SetFile, owners: dict[str, str]) -> Problem | None:
    place = shard_set.place(file.name)
    try:
        size_bytes = file_size(place)
        if size_bytes is None:
            return Problem(file.name, Kind.MISSING, "not there, but its index lists it")
        sha256 = sha256_file(place)
    except (VsdaError, OSError) as error:
        return Problem(file.name, Kind.UNREADABLE, str(error))
    if sha256 == file.sha256:
        if size_bytes == (file.size_bytes or size_bytes):
            return None
        message = f"{size_bytes} bytes as its hash wants, but its index says {file.size_bytes}"
        return Problem(file.name, Kind.COUNT, message)
    if sha256 in owners:
        return Problem(file.name, Kind.SWAPPED, f"holds what {owners[sha256]} should hold")
    if file.size_bytes is not None and size_bytes < file.size_bytes:
        message = f"{size_bytes} bytes, its index says {file.size_bytes}"
        return Problem(file.name, Kind.CUT, message)
    message = f"its sha256 is {sha256[:12]}..., its index says {file.sha256[:12]}..."
    return Problem(file.name, Kind.CHANGED, message)


def _key_problems(shard_set: ShardSet, broken: set[str]) -> list[Problem]:
    """Return wrong counts and repeated keys, from the `.idx` files that are sound."""
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    for info in shard_set.index.shards:
        if info.idx_url in broken:
            continue
        try:
            keys = load_idx(shard_set, info).keys
        except (VsdaError, OSError) as error:
            problems.append(Problem(info.idx_url, Kind.COUNT, str(error)))
            continue
        for key in keys:
            owner = owners.setdefault(key, info.url)
            if owner != info.url:
                message = f"its key {key} is also in {owner}"
                problems.append(Problem(info.url, Kind.DUPLICATE, message))
    return problems


def _strays(shard_set: ShardSet) -> list[Problem]:
    """Return what lies in the folder under the name of the set and does not belong to it."""
    index = shard_set.index
    listed = {file.name for file in set_files(index)}
    own_part = re.compile(part_pattern(index.name))
    names = list_names(shard_set.folder)
    sets = {set_name(name) for name in names if name.endswith(INDEX_SUFFIX)} | {index.name}
    problems = []
    for name in names:
        if name not in listed and _owner(name, sets) == index.name:
            problems.append(Problem(name, Kind.EXTRA, "its index does not list it"))
        elif own_part.fullmatch(name):
            message = "an interrupted run left it; it can be removed"
            problems.append(Problem(name, Kind.LEFTOVER, message))
        elif name == f".{index.name}{PART_SUFFIX}":
            problems.append(Problem(name, Kind.LEFTOVER, _STAGING_MESSAGE))
    return problems


def _owner(name: str, sets: set[str]) -> str | None:
    """Return the set that a tar or `.idx` bears the name of, None where it is no such file.

    A number at the end ends the name of the set; any other file goes to the longest of `sets`.
    """
    if numbered := re.fullmatch(f"(?P<set>.+){_NUMBERED}", name):
        return numbered["set"]
    if not name.endswith((TAR_SUFFIX, ".idx")):
        return None
    return max((known for known in sets if name.startswith(f"{known}-")), key=len, default=None)


def _orphans(folder: str, indexes: list[str]) -> list[Problem]:
    """Return the tars, `.idx` files and staging folders of sets that have no index."""
    known = {set_name(index) for index in indexes}
    numbered = re.compile(f"(?P<set>.+?){_NUMBERED}({PART_ENDING})?")
    problems = []
    for name in list_names(folder):
        if (match := numbered.fullmatch(name)) and match["set"] not in known:
            message = f"there is no index {match['set']}{INDEX_SUFFIX}"
            problems.append(Problem(name, Kind.EXTRA, message))
        elif (match := re.fullmatch(_STAGING, name)) and match["set"] not in known:
            problems.append(Problem(name, Kind.LEFTOVER, _STAGING_MESSAGE))
    return problems
