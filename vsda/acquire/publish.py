"""The one moment in which a set appears or changes: rows, tars, and the index last."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vsda.acquire.frames import BOXES_WITHOUT_FRAME
from vsda.acquire.layout import Layout
from vsda.acquire.plan import AcquirePlan
from vsda.acquire.state import State
from vsda.datasets.youtube_bb.annotations import DATASET
from vsda.errors import ShardError
from vsda.fetch.rows import VideoRow, dump_rows
from vsda.shards.card import write_card
from vsda.shards.index import ShardIndex, ShardInfo
from vsda.shards.names import part_pattern
from vsda.shards.versions import package_versions
from vsda.storage import (
    exists,
    file_size,
    join,
    list_names,
    move,
    read_bytes,
    remove,
    remove_tree,
    write_atomic,
)

_MAX_SHOWN = 60


def check_settings(state: State, plan: AcquirePlan) -> None:
    """Refuse to go on with a set that was begun with other settings.

    Raises:
        ShardError: It was; the message has each difference.
    """
    place = join(plan.layout.out, plan.layout.name)
    if state.settings is None:
        if state.pieces or state.records:
            raise ShardError(
                f"{plan.layout.settings}: missing, so nobody knows what the files beside it were "
                "made with; give --overwrite to begin anew"
            )
        return
    old = {name: value for name, value in state.settings.items() if name != "limit"}
    differing = sorted(
        name
        for name in old.keys() | plan.settings.keys()
        if old.get(name) != plan.settings.get(name)
    )
    if differing:
        changes = ", ".join(
            f"{name} was {_short(old.get(name))}, is {_short(plan.settings.get(name))}"
            for name in differing
        )
        raise ShardError(
            f"{place}: this set was begun otherwise: {changes}; "
            "give --overwrite to replace it, or another --out"
        )
    strangers = (state.inside | state.pieces.keys()) - set(plan.youtube_ids)
    if strangers:
        raise ShardError(
            f"{place}: holds {len(strangers)} videos that this "
            "--limit leaves out; give the old limit or a larger one, --overwrite, or another --out"
        )


def begin(layout: Layout, settings: Mapping[str, Any]) -> None:
    """Write down what the staging folder is made with."""
    if not exists(layout.settings):
        write_atomic(layout.settings, _canonical(settings))


def wipe(layout: Layout, rows: Mapping[str, VideoRow]) -> None:
    """Delete a set, finished or not, and leave `rows` as its report.

    The index goes first, and what the staging folder holds before the settings that it was made
    with: wherever this is killed, nothing that is left can be taken for a part of another set.
    """
    remove(layout.index)
    if rows:
        write_atomic(layout.report, dump_rows([rows[name] for name in sorted(rows)]))
    for folder in (layout.pieces, layout.shard_records, layout.replacements, layout.staging):
        remove_tree(folder)
    _delete_files(layout, keep=())


def publish(plan: AcquirePlan, state: State) -> ShardIndex | None:
    """Give waiting tars their places and write report and index; return the index.

    While tars are replaced there is no index, so nobody takes the set for whole; a run that is
    killed here is mended by the next one. Without any sample there is no set, and only the report
    is written.
    """
    layout = plan.layout
    index = make_index(plan, state)
    if any(record.waits for record in state.records.values()):
        _replace_tars(layout, state)
    rows = [state.rows[name] for name in sorted(state.rows)]
    if rows:
        write_atomic(layout.report, dump_rows(rows))
    if index.shards:
        write_atomic(layout.index, index.to_json())
        write_card(layout.out)
    else:
        remove(layout.index)
    _delete_files(layout, keep=index.shards)  # what a killed --overwrite has left
    remove(layout.old_index, missing_ok=True)
    for number in list(state.records):
        remove(layout.shard_record(number), missing_ok=True)
    state.listed = {number: info for number in state.numbers() if (info := state.shard(number))}
    state.records.clear()
    if not state.loose:
        remove_tree(layout.staging)
    return index if index.shards else None


def make_index(plan: AcquirePlan, state: State) -> ShardIndex:
    """Return the index of what is finished."""
    shards = [info for number in state.numbers() if (info := state.shard(number)) is not None]
    rows = [state.rows[name] for name in plan.youtube_ids if name in state.rows]
    num_left = len(plan.youtube_ids) - len(rows)
    outcomes = Counter(row.outcome.value for row in rows)
    num_lost = sum((row.facts or {}).get(BOXES_WITHOUT_FRAME, 0) for row in rows)
    return ShardIndex(
        name=plan.layout.name,
        dataset=DATASET,
        split=plan.layout.split,
        shards=tuple(shards),
        settings={**plan.settings, "limit": plan.limit},
        outcomes=dict(sorted(outcomes.items())),
        notes=(
            *plan.annotations.notes(),
            *((f"{num_left} videos were not asked for yet",) if num_left else ()),
            *((_lost_boxes_note(num_lost),) if num_lost else ()),
        ),
        command=_command(plan),
        versions=package_versions(),
    )


def _command(plan: AcquirePlan) -> str:
    settings = plan.settings
    words = ["vsda", "fetch", DATASET, "--split", plan.layout.split]
    words += ["--classes", ",".join(settings["classes"]), "--span", settings["span"]]
    if settings["short_side_px"] is not None:
        words += ["--short-side", str(settings["short_side_px"])]
    if plan.limit is not None:
        words += ["--limit", str(plan.limit)]
    return shlex.join(words)


def _lost_boxes_note(num_lost: int) -> str:
    return f"{num_lost} boxes belong to times at which their videos show no frame any more"


def _delete_files(layout: Layout, keep: Sequence[ShardInfo]) -> None:
    """Delete tars of the set, and what lies beside them, but those of `keep`."""
    kept = {name for shard in keep for name in (shard.url, shard.idx_url)}
    ours = re.compile(rf"{re.escape(layout.name)}-\d{{6}}\.(tar|idx)|{part_pattern(layout.name)}")
    for name in list_names(layout.out):
        if ours.fullmatch(name) and name not in kept:
            remove(join(layout.out, name))


def _replace_tars(layout: Layout, state: State) -> None:
    if exists(layout.index):
        write_atomic(layout.old_index, read_bytes(layout.index))
        remove(layout.index)
    for record in state.records.values():
        if record.waits and record.shard is not None:
            _move_in(layout, record.shard)


def _move_in(layout: Layout, shard: ShardInfo) -> None:
    """Move a tar to its place, its `.idx` first: a tar that is there has its own beside it."""
    for name in (shard.idx_url, shard.url):
        source = join(layout.replacements, name)
        if file_size(source) is not None:
            move(source, join(layout.out, name))


def _canonical(settings: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(settings), sort_keys=True, indent=2).encode()


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
