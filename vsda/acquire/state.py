"""What is done of a set: read from its index and report, and from what runs left unfinished."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vsda.acquire.layout import Layout
from vsda.datasets.youtube_bb.annotations import youtube_id_of
from vsda.errors import Outcome, ShardError, VsdaError
from vsda.fetch.policy import POLICIES, Policy
from vsda.fetch.rows import MIRROR, VideoRow, load_rows
from vsda.shards.index import ShardInfo, load_index
from vsda.storage import exists, file_size, is_local, join, list_files, read_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class PieceRecord:
    """A video whose shard is not finished: what became of it, and its piece."""

    row: VideoRow
    piece: ShardInfo | None = None

    def to_json(self) -> bytes:
        """Return the record as JSON."""
        return _PIECE.dump_json(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardRecord:
    """A finished shard that the index does not list yet.

    Attributes:
        number: Of the shard.
        shard: What its tar holds; None where none of its videos could be had.
        rows: What became of its videos.
        waits: Whether the tar waits in the staging folder to take the place of a listed one.
    """

    number: int
    shard: ShardInfo | None
    rows: tuple[VideoRow, ...]
    waits: bool

    def to_json(self) -> bytes:
        """Return the record as JSON."""
        return _SHARD.dump_json(self)


_PIECE = TypeAdapter(PieceRecord)
_SHARD = TypeAdapter(ShardRecord)
_SETTINGS = TypeAdapter(dict[str, Any])


@dataclass(slots=True)
class State:
    """What is done.

    Attributes:
        listed: Shards of the index that is there.
        records: Finished shards that the index does not list yet, by number.
        pieces: Videos whose piece waits for its shard.
        rows: The latest row of each video that was ever asked for.
        inside: Videos that a finished shard holds.
        loose: Videos with a record of their own, since their shard is not finished.
        settings: What the index or the staging folder was made with; None for a new set.
    """

    listed: dict[int, ShardInfo] = field(default_factory=dict)
    records: dict[int, ShardRecord] = field(default_factory=dict)
    pieces: dict[str, ShardInfo] = field(default_factory=dict)
    rows: dict[str, VideoRow] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    settings: Mapping[str, Any] | None = None

    def shard(self, number: int) -> ShardInfo | None:
        """Return the shard as it is now, listed or not."""
        record = self.records.get(number)
        return self.listed.get(number) if record is None else record.shard

    def numbers(self) -> list[int]:
        """Return the numbers of all finished shards, in order."""
        return sorted(self.listed.keys() | self.records.keys())

    def waits(self, number: int) -> bool:
        """Return whether the shard's newest tar lies in the staging folder."""
        return number in self.records and self.records[number].waits

    def is_settled(self, youtube_id: str, retry: frozenset[Outcome]) -> bool:
        """Return whether a run need not ask for a video."""
        row = self.rows.get(youtube_id)
        if row is None or row.outcome in retry:
            return False
        if row.outcome is Outcome.OK:
            return youtube_id in self.inside or youtube_id in self.pieces
        if row.outcome is Outcome.GONE and row.session == MIRROR:
            return False  # the mirror may have got it since, or YouTube may have it
        return POLICIES[row.outcome] in {Policy.DONE, Policy.NEVER}


def read_state(layout: Layout) -> State:
    """Return what is done of a set.

    Raises:
        ShardError: A file of it is damaged.
    """
    state = State()
    place = layout.index if exists(layout.index) else layout.old_index
    if exists(place):
        index = load_index(place)
        state.settings = index.settings
        state.listed = {shard_number(info): info for info in index.shards}
    elif exists(layout.settings):
        state.settings = _read(_SETTINGS, layout.settings)
    if exists(layout.report):
        state.rows = {row.video: row for row in load_rows(layout.report)}
    for place in list_files(layout.shard_records, ".json"):
        record = _read(_SHARD, place)
        if record is None:
            continue
        state.records[record.number] = record
        state.rows |= {row.video: row for row in record.rows}
    for place in list_files(layout.pieces, ".json"):
        piece = _read(_PIECE, place)
        if piece is None:
            continue
        state.rows[piece.row.video] = piece.row
        state.loose.add(piece.row.video)
        if piece.piece is not None:
            state.pieces[piece.row.video] = piece.piece
    _drop_damaged(state, layout)
    for number in state.numbers():
        info = state.shard(number)
        state.inside |= {youtube_id_of(row.name) for row in info.sequences} if info else set()
    return state


def _drop_damaged(state: State, layout: Layout) -> None:
    """Forget shards whose tar is missing or cut, so that their videos are asked for again.

    Only sizes are compared, and on a URL only of what the index does not list: hashing terabytes,
    or asking a server about every object, is for `vsda shards verify`.
    """
    for number, info in list(state.listed.items()) if is_local(layout.out) else ():
        if file_size(join(layout.out, info.url)) != info.filesize and number not in state.records:
            del state.listed[number]
    for number, record in list(state.records.items()):
        sound = _where_it_is(record, layout)
        if sound is None:
            del state.records[number]
        else:
            state.records[number] = sound
    for youtube_id, piece in list(state.pieces.items()):
        if file_size(layout.piece(youtube_id)) != piece.filesize:
            del state.pieces[youtube_id]


def _where_it_is(record: ShardRecord, layout: Layout) -> ShardRecord | None:
    """Return the record of a shard whose tar is there; a killed run may have moved it already."""
    shard = record.shard
    if shard is None:
        return record
    if record.waits and file_size(join(layout.replacements, shard.url)) == shard.filesize:
        return record
    is_in_place = file_size(join(layout.out, shard.url)) == shard.filesize
    return replace(record, waits=False) if is_in_place else None


def shard_number(info: ShardInfo) -> int:
    """Return the number in the name of a shard's file."""
    return int(info.url.rpartition("-")[2].partition(".")[0])


def _read(adapter: TypeAdapter[Any], place: str) -> Any:
    """Return what a file holds, None where another part of the set removed it meanwhile."""
    try:
        data = read_bytes(place)
    except VsdaError:
        if exists(place):
            raise
        return None
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        raise ShardError(f"{place}: damaged: {error.errors()[0]['msg']}; remove it") from error
