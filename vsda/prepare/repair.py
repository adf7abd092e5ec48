"""Mend sets where they lie: from another copy, or by the shard tasks that made what is bad."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vsda.datasets.youtube_bb.annotations import DATASET as VIDEOS
from vsda.errors import VsdaError
from vsda.prepare.remake import Originals
from vsda.shards.change import finish_change, interrupted_changes
from vsda.shards.index import find_indexes, open_set
from vsda.shards.names import INDEX_SUFFIX, file_name, folder_of, set_name
from vsda.shards.repair import Repair, Sources, copy_folder, repair_set
from vsda.shards.verify import Kind, Problem
from vsda.storage import exclusive, join, list_files, list_names


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairOptions:
    """Where what is lost comes from.

    Attributes:
        data: Folder with the originals of each dataset in a folder of its name.
        root: Folder of the originals, in place of that.
        copy: Folder or URL with another copy of the sets.
        class_map: The table that the sets were made with, where that was the user's own.
        num_workers: Shards made at a time; None for one per CPU core.
        dry_run: Only say what would be done.
    """

    data: Path
    root: Path | None = None
    copy: str | None = None
    class_map: Path | None = None
    num_workers: int | None = None
    dry_run: bool = False


def repair(place: str, options: RepairOptions) -> list[Repair]:
    """Mend each set that `place` names and return what became of it.

    Files that are what the index promises are not touched; all others become so, or stay as they
    are. A run that is killed loses nothing: the next one goes on.

    Raises:
        ShardError: There is no set.
        VsdaError: Another process writes one of the sets.
    """
    place = place.rstrip("/")
    if not options.dry_run:
        _finish_changes(place)
    return [_repair(index, options) for index in find_indexes(place)]


def _repair(index: str, options: RepairOptions) -> Repair:
    with _locked(folder_of(index), set_name(index), only_say=options.dry_run):
        try:
            shard_set = open_set(index)
        except VsdaError as error:
            message = f"{error}; an index is not mended: take it from a copy of the set"
            problem = Problem(file_name(index), Kind.INDEX, message)
            return Repair(place=index, fixes=(), problems=(problem,))
        sources = Sources(
            copy=None if options.copy is None else copy_folder(options.copy),
            rebuild=Originals(
                shard_set=shard_set,
                data=options.data,
                root=options.root,
                class_map=options.class_map,
                num_workers=options.num_workers,
            ),
            keeps_staging=shard_set.index.dataset == VIDEOS,
        )
        return repair_set(shard_set, sources, dry_run=options.dry_run)


@contextmanager
def _locked(folder: str, name: str, *, only_say: bool) -> Iterator[None]:
    """Keep other writers of a set away, also those that write a part of it."""
    if only_say:
        yield
        return
    with exclusive(join(folder, f".{name}.lock")):
        parts = [place for place in list_files(folder, ".lock") if f"/.{name}.task-" in place]
        for part in parts:
            with exclusive(part):
                pass
        yield


def _finish_changes(place: str) -> None:
    """Finish what a killed command began to take out of the sets that are named."""
    is_one = place.endswith(INDEX_SUFFIX) or not list_names(place)
    folder = folder_of(place) if is_one else place
    for name in interrupted_changes(folder):
        if not is_one or name == set_name(place):
            with _locked(folder, name, only_say=False):
                finish_change(folder, name)
