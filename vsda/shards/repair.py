"""Mend a damaged set: only what is bad is replaced, and only by the bytes that the index promises.

So every step may be the last one of a run that is killed: a file is the old one or the right one,
and what was on its way lies in a folder where the next run finds it by its hash.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vsda.errors import ShardError, VsdaError
from vsda.progress import progress
from vsda.shards.idx import make_idx
from vsda.shards.index import ShardInfo, ShardSet, index_path
from vsda.shards.names import file_name, folder_of, idx_place
from vsda.shards.verify import Kind, Problem, SetFile, set_files, verify
from vsda.storage import (
    PART_SUFFIX,
    atomic_file,
    copy_here,
    file_size,
    is_local,
    join,
    list_names,
    local_path,
    move,
    remove,
    remove_tree,
    sha256_file,
    write_atomic,
)
from vsda.storage.read import read_blocks

Rebuild = Callable[[Sequence[ShardInfo], str, bool], Mapping[str, str | VsdaError]]
"""(shards, folder, only say) -> where in the folder each tar was made again, with its `.idx` beside
it, or why it was not; raises VsdaError where nothing can be made."""

_EXTRA = "; remove it, or move it away"
_ROOM = "repair"


@dataclass(frozen=True, slots=True)
class Fix:
    """What was done to one file, or would be."""

    file: str
    how: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """What became of one set.

    Attributes:
        place: Its index file.
        fixes: What was done, or would be.
        problems: What is wrong with the set now, or would be then; each says what to do.
    """

    place: str
    fixes: tuple[Fix, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where what is lost comes from.

    Attributes:
        copy: Folder or URL with another copy of the set, None without one.
        rebuild: Makes tars again from the originals.
        keeps_staging: Whether the staging folder has more in it than what was interrupted.
    """

    copy: str | None
    rebuild: Rebuild
    keeps_staging: bool = False


def repair_set(shard_set: ShardSet, sources: Sources, *, dry_run: bool = False) -> Repair:
    """Mend a set, which the caller has locked, and return what was done.

    Sound files are not touched. Files under a wrong name get their own back; an `.idx` is made from
    its tar; a tar comes from the copy, or else from the originals. What interrupted runs left goes.

    Raises:
        VsdaError: The disk is full, or a server does not answer.
    """
    found = verify(shard_set)
    mender = _Mender(shard_set, sources, found, dry_run)
    if found:
        mender.mend()
    if dry_run or not found:
        left = [row for row in found if row.shard not in mender.fixed]
    else:
        left = verify(shard_set) if mender.fixes else found
    return Repair(
        place=index_path(shard_set.folder, shard_set.index.name),
        fixes=tuple(mender.fixes),
        problems=tuple(mender.advise(row) for row in left),
    )


class _Mender:
    """One repair: what is still bad, what was done, and why something could not be done."""

    def __init__(
        self, shard_set: ShardSet, sources: Sources, found: Sequence[Problem], dry_run: bool
    ) -> None:
        self._set, self._sources, self._found, self._dry_run = shard_set, sources, found, dry_run
        files = {file.name: file for file in set_files(shard_set.index)}
        wrong = {row.shard for row in found if row.kind not in {Kind.COUNT, Kind.DUPLICATE}}
        self._bad = {name: file for name, file in files.items() if name in wrong}
        self._staging = shard_set.place(f".{shard_set.index.name}{PART_SUFFIX}")
        self._room = join(self._staging, _ROOM)
        self._why: dict[str, str] = {}
        self.fixes: list[Fix] = []

    @property
    def fixed(self) -> set[str]:
        """The names of the files that are right now, or would be."""
        return {fix.file for fix in self.fixes}

    def mend(self) -> None:
        """Take each step; what one cannot do is left to the next."""
        self._rename()
        self._take_from_copy(".tar")
        self._make_again()
        self._make_idx()
        self._take_from_copy(".idx")
        self._clean()

    def advise(self, problem: Problem) -> Problem:
        """Return a problem that is left with what to do about it."""
        advice = self._why.get(problem.shard, "")
        if problem.kind == Kind.EXTRA:
            advice = _EXTRA
        elif problem.kind in {Kind.COUNT, Kind.DUPLICATE}:
            advice = "; its index is wrong, so run the command that makes the set again"
        return replace(problem, message=f"{problem.message}{advice}")

    def _rename(self) -> None:
        """Give files that lie under a wrong name their own one, over a folder of their own."""
        sources = dict(self._misnamed())
        if not self._dry_run:
            for target, source in sources.items():
                move(source, _made(join(self._room, target)))
        for target, source in sources.items():
            with self._step(target, f"renamed from {file_name(source)}"):
                if not self._dry_run:
                    move(join(self._room, target), self._set.place(target))

    def _misnamed(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each bad file whose bytes lie elsewhere, and where."""
        inside = [join(self._room, name) for name in list_names(self._room)]
        movable = {row.shard for row in self._found if row.kind in {Kind.SWAPPED, Kind.EXTRA}}
        wanted = {file.sha256: file for file in self._bad.values()}
        sizes = {file.size_bytes for file in self._bad.values()}
        for place in [*inside, *map(self._set.place, sorted(movable))]:
            is_idx = place.endswith(".idx")
            if (not is_idx and file_size(place) not in sizes) or not wanted:
                continue
            file = wanted.pop(sha256_file(place), None)
            if file is not None:
                yield file.name, place

    def _take_from_copy(self, ending: str) -> None:
        if self._sources.copy is None:
            return
        bad = [file for file in self._bad.values() if file.name.endswith(ending)]
        for file in progress(bad, f"{self._set.index.name}: copy"):
            source = join(self._sources.copy, file.name)
            with self._step(file.name, f"taken from {source}"):
                self._take(file, source)

    def _take(self, file: SetFile, source: str) -> None:
        size_bytes = file_size(source)
        if size_bytes is None or size_bytes != (file.size_bytes or size_bytes):
            found = "not there" if size_bytes is None else f"{size_bytes} bytes"
            raise ShardError(f"{source}: {found}, so it is no copy of this set's")
        if self._dry_run:
            return
        with atomic_file(self._set.place(file.name)) as target:
            digest = hashlib.sha256()
            for block in read_blocks(source):
                digest.update(block)
                target.write(block)
            if digest.hexdigest() != file.sha256:
                raise ShardError(f"{source}: its hash is not the one in the index of this set")

    def _make_again(self) -> None:
        """Let the bad tars be made from the originals, and their `.idx` with them."""
        bad = [info for info in self._set.index.shards if info.url in self._bad]
        if not bad:
            return
        try:
            made = self._sources.rebuild(bad, self._room, self._dry_run)
        except VsdaError as error:
            made = dict.fromkeys((info.url for info in bad), error)
        for info in bad:
            place = made[info.url]
            if isinstance(place, VsdaError):
                self._why[info.url] = f"{self._why.get(info.url, '')}; {place}"
                continue
            for name, source in ((info.url, place), (info.idx_url, idx_place(place))):
                if name in self._bad:
                    with self._step(name, "made again from the originals"):
                        self._move_in(source, self._bad[name])

    def _move_in(self, place: str, file: SetFile) -> None:
        if self._dry_run:
            return
        if sha256_file(place) != file.sha256:
            raise ShardError(f"what was made at {place} is not what the index lists")
        move(place, self._set.place(file.name))

    def _make_idx(self) -> None:
        for info in self._set.index.shards:
            tar_is_sound = info.url not in self._bad
            if info.idx_url in self._bad and tar_is_sound:
                with self._step(info.idx_url, f"made again from {info.url}"):
                    self._write_idx(info)

    def _write_idx(self, info: ShardInfo) -> None:
        if self._dry_run:
            return
        with _here(self._set.place(info.url)) as tar:
            data = make_idx(tar)
        if hashlib.sha256(data).hexdigest() != info.idx_sha256:
            raise ShardError("made from its sound tar it has another hash than the index says")
        write_atomic(self._set.place(info.idx_url), data)

    def _clean(self) -> None:
        """Delete what interrupted runs left; nobody else writes, as the caller has the lock."""
        for row in self._found:
            is_staging = self._set.place(row.shard) == self._staging
            if row.kind != Kind.LEFTOVER or (is_staging and self._sources.keeps_staging):
                continue
            with self._step(row.shard, "removed"):
                if not self._dry_run and not is_staging:
                    remove(self._set.place(row.shard))
        is_needed = any(name in self._bad for name in list_names(self._room))
        if not self._dry_run and not is_needed:
            remove_tree(self._room if self._sources.keeps_staging else self._staging)

    @contextmanager
    def _step(self, name: str, how: str) -> Iterator[None]:
        """Note what the block does to the file `name`, or why it could not."""
        try:
            yield
        except (VsdaError, OSError) as error:
            self._why[name] = f"{self._why.get(name, '')}; {error}"
            return
        self._bad.pop(name, None)
        self.fixes.append(Fix(name, how))


def copy_folder(place: str) -> str:
    """Return the folder or URL of the copy that a user names: itself, a set in it, or its index."""
    place = place.rstrip("/")
    return place if list_names(place) else folder_of(place)


def _made(place: str) -> str:
    """Return `place`, below a folder that is there."""
    path = local_path(place)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def _here(place: str) -> Iterator[Path]:
    """Yield a file as a path of this machine, copied if it lies elsewhere."""
    path = local_path(place)
    if path is not None and is_local(place):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / file_name(place)
        copy_here(place, copied)
        yield copied
