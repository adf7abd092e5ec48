"""Taking videos out of a set that `vsda fetch` made or is making.

A video goes from the shards, from pieces and shards that a fetch left unfinished, and from the
originals that were kept beside the set. Its row becomes `withdrawn`, so that no later fetch asks
for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from vsda import __version__
from vsda.acquire.layout import Layout
from vsda.acquire.state import PieceRecord, ShardRecord, read_state, shard_number
from vsda.acquire.store import utc_now
from vsda.datasets.youtube_bb.annotations import DATASET, youtube_id_of
from vsda.errors import Outcome, ShardError, UsageError
from vsda.fetch.rows import VideoRow, dump_rows, load_rows
from vsda.shards.change import SetChange
from vsda.shards.index import SequenceInfo, ShardIndex, ShardInfo, ShardSet, load_index
from vsda.storage import exists, join, list_files, local_path, remove_tree


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal:
    """What was taken out of one set, or would be.

    Attributes:
        set_name: Name of the set.
        names: Videos or sequences that were taken out.
        already: Those that were taken out before.
        sequences: Sequences that are gone from the shards.
        num_frames: Their frames.
        num_shards: Shards that were written anew or deleted.
        num_files: Other files that were deleted: originals, and what a fetch left unfinished.
    """

    set_name: str
    names: tuple[str, ...]
    already: tuple[str, ...]
    sequences: tuple[str, ...]
    num_frames: int
    num_shards: int
    num_files: int


def is_video_set(name: str) -> bool:
    """Return whether a set of this name is made from videos."""
    return name.startswith(f"{DATASET}-")


def moved(outcomes: Mapping[str, int], old: Outcome | None, number: int) -> dict[str, int]:
    """Return `outcomes` with a number of items moved from `old` to `withdrawn`."""
    counts = dict(outcomes)
    if old is not None and old.value in counts:
        counts[old.value] = max(0, counts[old.value] - number)
    counts[Outcome.WITHDRAWN.value] = counts.get(Outcome.WITHDRAWN.value, 0) + number
    return {name: count for name, count in sorted(counts.items()) if count}


class VideoSet:
    """A set made from videos, finished or not; videos are the items that its index counts.

    Attributes:
        known: Videos that it holds, or that it has a row for.

    Raises:
        ShardError: A file of it is damaged, or a fetch was killed while it changed shards.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._index = load_index(layout.index) if exists(layout.index) else None
        if self._index is None and exists(layout.old_index):
            raise ShardError(
                f"{layout.index}: not there: a fetch was killed while it changed shards; run it "
                "again to finish its work, then remove the video"
            )
        self._state = read_state(layout)
        self._report = load_rows(layout.report) if exists(layout.report) else []
        listed = () if self._index is None else self._index.sequences
        self.known = self._state.rows.keys() | {youtube_id_of(row.name) for row in listed}

    def asked(self, videos: Sequence[str], sequences: Sequence[str]) -> list[str]:
        """Return the videos that this set knows; single sequences of a video stay together."""
        listed = () if self._index is None else self._index.sequences
        for row in listed:
            if row.name in sequences:
                raise UsageError(
                    f"--sequence {row.name}: is a part of a video, and a fetch would bring it "
                    f"back; give --video={youtube_id_of(row.name)} to remove all of the video"
                )
        return [name for name in dict.fromkeys(videos) if name in self.known]

    def take_out(self, names: Sequence[str], *, dry_run: bool) -> Withdrawal:
        """Take the videos out of everything that belongs to the set."""
        todo = [name for name in names if self._holds(name)]
        shards = [info for _, info in self._shards()]
        cut = [info for info in shards if _sequences([info], todo)]
        files = [place for name in todo for place in self._files(name)]
        if todo and not dry_run:
            self._change(todo, files)
        return Withdrawal(
            set_name=self._layout.name,
            names=tuple(todo),
            already=tuple(name for name in names if name not in todo),
            sequences=tuple(_sequences(shards, todo)),
            num_frames=sum(row.num_frames for row in _rows_of(shards, todo)),
            num_shards=len(cut),
            num_files=len(files),
        )

    def _holds(self, name: str) -> bool:
        """Return whether anything of a video is left to be taken out."""
        row = self._state.rows.get(name)
        if row is None or row.outcome is not Outcome.WITHDRAWN:
            return True
        return bool(_sequences([info for _, info in self._shards()], [name]) or self._files(name))

    def _shards(self) -> list[tuple[str, ShardInfo]]:
        """Return the shards of the index and those that it does not list yet, with their folder."""
        layout = self._layout
        listed = () if self._index is None else self._index.shards
        waiting = [
            (layout.replacements if record.waits else layout.out, record.shard)
            for record in self._state.records.values()
            if record.shard is not None
        ]
        return [*((layout.out, info) for info in listed), *waiting]

    def _files(self, name: str) -> list[str]:
        """Return what is kept of a video apart from shards: originals, pieces, parts of files."""
        layout = self._layout
        places = [*list_files(layout.kept, ""), *list_files(layout.pieces, "")]
        found = [place for place in places if _file_name(place).startswith(f"{name}.")]
        if local_path(layout.staging) is not None:
            videos = layout.scratch(None)
            inside = videos.rglob("*") if videos.is_dir() else ()
            found += [str(path) for path in inside if path.is_file() and _is_of(path.parts, name)]
        return [place for place in found if place != layout.piece_record(name)]  # rewritten

    def _change(self, todo: Sequence[str], files: Iterable[str]) -> None:
        change = SetChange(self._layout.out, self._layout.name)
        rows = {name: self._withdrawn(name) for name in todo}
        for place in files:
            change.remove(self._inside(place))
        self._change_records(change, rows)
        self._change_pieces(change, rows)
        if self._index is not None or self._report:
            report = {row.video: row for row in self._report} | rows
            change.write(
                self._inside(self._layout.report),
                dump_rows([report[key] for key in sorted(report)]),
            )
        change.commit(self._changed_index(change, todo))
        for name in todo:
            if local_path(self._layout.staging) is not None:
                remove_tree(self._layout.scratch(None) / name)

    def _changed_index(self, change: SetChange, todo: Sequence[str]) -> ShardIndex | None:
        if self._index is None:
            return None
        shards = [self._cut(change, self._layout.out, info, todo) for info in self._index.shards]
        outcomes = dict(self._index.outcomes)
        before = {row.video: row.outcome for row in self._report}
        for name in todo:
            outcomes = moved(outcomes, before.get(name), 1)
        left = tuple(info for info in shards if info is not None)
        return replace(self._index, shards=left, outcomes=outcomes)

    def _change_records(self, change: SetChange, rows: Mapping[str, VideoRow]) -> None:
        """Take the videos out of finished shards that the index does not list yet."""
        layout = self._layout
        for number, record in self._state.records.items():
            if not {row.video for row in record.rows} & rows.keys():
                continue
            folder = layout.replacements if record.waits else layout.out
            shard = record.shard and self._cut(change, folder, record.shard, list(rows))
            kept = tuple(rows.get(row.video, row) for row in record.rows)
            new: ShardRecord = replace(record, shard=shard, rows=kept)
            change.write(self._inside(layout.shard_record(number)), new.to_json())

    def _change_pieces(self, change: SetChange, rows: Mapping[str, VideoRow]) -> None:
        """Leave only the row of videos whose shard is not finished."""
        for name in rows.keys() & self._state.loose:
            record = PieceRecord(row=rows[name])
            change.write(self._inside(self._layout.piece_record(name)), record.to_json())

    def _cut(
        self, change: SetChange, folder: str, info: ShardInfo, todo: Sequence[str]
    ) -> ShardInfo | None:
        names = _sequences([info], todo)
        if not names:
            return info
        index = ShardIndex(
            name=self._layout.name, dataset=DATASET, split=self._layout.split, shards=(info,)
        )
        inside = self._inside(join(folder, info.url)).removesuffix(info.url)
        return change.cut(ShardSet(index, folder), info, names, inside)

    def _withdrawn(self, name: str) -> VideoRow:
        """Return the row of a video that is taken out."""
        now, row = utc_now(), self._state.rows.get(name)
        if row is not None:
            return replace(
                row, outcome=Outcome.WITHDRAWN, message="", last_seen=now, num_frames=0, facts=None
            )
        shards = [info for _, info in self._shards() if _sequences([info], [name])]
        return VideoRow(
            video=name,
            shard=shard_number(shards[0]),
            outcome=Outcome.WITHDRAWN,
            first_seen=now,
            last_seen=now,
            attempts=0,
            tool=f"vsda {__version__}",
            session="none",
        )

    def _inside(self, place: str) -> str:
        """Return a place relative to the folder of the set."""
        return place.removeprefix(f"{self._layout.out.rstrip('/')}/")


def _rows_of(shards: Iterable[ShardInfo], videos: Sequence[str]) -> list[SequenceInfo]:
    found = {row.name: row for info in shards for row in info.sequences}
    return [row for row in found.values() if youtube_id_of(row.name) in videos]


def _sequences(shards: Iterable[ShardInfo], videos: Sequence[str]) -> list[str]:
    """Return the names of the sequences that shards hold of some videos."""
    return [row.name for row in _rows_of(shards, videos)]


def _file_name(place: str) -> str:
    return place.rpartition("/")[2]


def _is_of(parts: Sequence[str], name: str) -> bool:
    """Return whether a file, or a folder that it lies in, has the name of a video."""
    return any(part == name or part.startswith(f"{name}.") for part in parts)
