"""Taking sequences out of a set that `vsda prepare` made; a note of the set says what is gone."""

from collections.abc import Sequence
from dataclasses import replace

from vsda.acquire.withdraw_videos import Withdrawal, moved
from vsda.errors import Outcome
from vsda.shards.change import SetChange
from vsda.shards.index import ShardInfo, ShardSet, index_path, load_index

_NOTE = "withdrawn: "


class SequenceSet:
    """A set of sequences: its frames are the items that its index counts.

    Attributes:
        known: Sequences that it holds or held before they were taken out.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._index = load_index(index_path(folder, name))
        self._set = ShardSet(self._index, folder)
        self._here = {row.name: row.num_frames for row in self._index.sequences}
        notes = [note for note in self._index.notes if note.startswith(_NOTE)]
        self._gone = {note.removeprefix(_NOTE) for note in notes}
        self.known = self._here.keys() | self._gone

    def asked(self, _videos: Sequence[str], sequences: Sequence[str]) -> list[str]:
        """Return the names that this set knows."""
        return [name for name in dict.fromkeys(sequences) if name in self.known]

    def take_out(self, names: Sequence[str], *, dry_run: bool) -> Withdrawal:
        """Take the sequences out of the shards and publish the set anew."""
        todo = [name for name in names if name in self._here]
        affected = [info for info in self._index.shards if _has(info, todo)]
        num_frames = sum(self._here[name] for name in todo)
        if todo and not dry_run:
            self._change(todo, num_frames)
        return Withdrawal(
            set_name=self._index.name,
            names=tuple(todo),
            already=tuple(name for name in names if name not in self._here),
            sequences=tuple(todo),
            num_frames=num_frames,
            num_shards=len(affected),
            num_files=0,
        )

    def _change(self, todo: Sequence[str], num_frames: int) -> None:
        change = SetChange(self._set.folder, self._index.name)
        shards = [
            change.cut(self._set, info, todo) if _has(info, todo) else info
            for info in self._index.shards
        ]
        change.commit(
            replace(
                self._index,
                shards=tuple(info for info in shards if info is not None),
                outcomes=moved(self._index.outcomes, Outcome.OK, num_frames),
                notes=(*self._index.notes, *(f"{_NOTE}{name}" for name in todo)),
            )
        )


def _has(info: ShardInfo, names: Sequence[str]) -> bool:
    return any(row.name in names for row in info.sequences)
