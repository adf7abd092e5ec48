"""The card beside the sets of a folder: a README.md that says what they are and where from.

Its head is the metadata of a dataset card of the Hugging Face Hub, so a folder of shards can be
uploaded as it is and each set opens by its name.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from vsda.errors import ShardError, VsdaError
from vsda.manifests import CardSource, card_sources
from vsda.shards.index import ShardIndex, load_index
from vsda.shards.names import INDEX_SUFFIX
from vsda.shards.stats import class_stats, summarise
from vsda.storage import (
    PART_ENDING,
    Place,
    exclusive,
    exists,
    is_local,
    join,
    list_files,
    list_names,
    read_bytes,
    remove,
    write_atomic,
)

_LOG = logging.getLogger(__name__)
CARD = "README.md"
MARK = "<!-- vsda writes this card anew with every change of the sets; edits are lost -->"
_LOCK = ".card.lock"
_WAIT_S = 30.0
_FIELDS = """\
| field | what |
|---|---|
| `jpg` | the picture; the bytes of the original where that is a JPEG of this size |
| `seg.png` | 8 bit: COCO category ids, 0 background, 255 ignore; absent where nothing is labelled |
| `inst.png` | 8 bit: the dataset's own object ids, where it has them |
| `json` | dataset, split, sequence, frame, size, classes; time and boxes where there are any |
"""


def write_card(folder: Place) -> None:
    """Write the card of all sets in a folder or URL; a README.md of anybody else stays.

    The sets are whole without it, so what keeps it from being written is a warning.
    """
    try:
        _write(folder)
    except (VsdaError, OSError) as error:
        _LOG.warning("%s: not written: %s", join(folder, CARD), error)


def _write(folder: Place) -> None:
    place = join(folder, CARD)
    with _alone(folder):
        card, found = make_card(_indexes(folder)).encode(), _read(place)
        if found is None or (MARK.encode() in found and found != card):
            write_atomic(place, card)


@contextmanager
def _alone(folder: Place) -> Iterator[None]:
    """Keep other writers of the card away, and delete halves that killed ones have left.

    On a URL this is not done: a lock there costs more than a card that lacks a set for a while.
    """
    if not is_local(folder):
        yield
        return
    with exclusive(join(folder, _LOCK), wait_s=_WAIT_S):
        for half in list_names(folder):
            if re.fullmatch(re.escape(CARD) + PART_ENDING, half):
                remove(join(folder, half), missing_ok=True)
        yield


def _read(place: str) -> bytes | None:
    return read_bytes(place) if exists(place) else None


def make_card(indexes: list[ShardIndex]) -> str:
    """Return the card of sets; same sets, same text."""
    names = [index.name for index in indexes]
    parts = [
        _head(indexes),
        MARK,
        f"# Shards: {', '.join(names)}\n",
        "Frames and labels as plain WebDataset tars, written by vsda. A sample is one frame; the "
        "frames of a sequence are neighbours, in order. The index of each set proves its files "
        "whole: `vsda shards verify`.\n",
        _sizes(indexes),
        *(_section(index) for index in indexes),
        f"## Fields of a sample\n\n{_FIELDS}",
        _sources(indexes),
    ]
    return "\n".join(parts)


def _indexes(folder: Place) -> list[ShardIndex]:
    """Return the sound indexes; a damaged one is for `verify` to tell."""
    found = []
    for place in list_files(str(folder), INDEX_SUFFIX):
        try:
            found.append(load_index(place))
        except ShardError:
            continue
    return sorted(found, key=lambda index: index.name)


def _head(indexes: list[ShardIndex]) -> str:
    lines = ["---", "license: other", "task_categories:", "- image-segmentation", "tags:"]
    lines += ["- webdataset", "- video", "configs:"]
    for index in indexes:
        lines += [
            f"- config_name: {index.name}",
            "  data_files:",
            f"  - split: {re.sub(r'[^A-Za-z0-9_]+', '_', index.split)}",
            f'    path: "{index.name}-[0-9]*.tar"',
        ]
    return "\n".join([*lines, "---"])


def _sizes(indexes: list[ShardIndex]) -> str:
    lines = [
        "| set | samples | sequences | classes | shards | MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in map(summarise, indexes):
        lines.append(
            f"| {row.name} | {row.num_samples:,} | {row.num_sequences:,} | {row.num_classes} "
            f"| {row.num_shards:,} | {row.num_bytes / 1e6:,.1f} |"
        )
    return "\n".join([*lines, ""])


def _section(index: ShardIndex) -> str:
    lines = [f"## {index.name}", ""]
    if index.command:
        lines += [f"Made by `{index.command}` with vsda {index.version}.", ""]
    if index.versions:
        lines += [f"Versions: {_pairs(index.versions)}.", ""]
    lines += [f"What became of the items: {_pairs(index.outcomes)}.", ""] if index.outcomes else []
    lines += [f"- {_cell(note)}" for note in index.notes]
    lines += ["", "| setting | value |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in sorted(index.settings.items())]
    return "\n".join([*lines, "", _classes(index), ""])


def _classes(index: ShardIndex) -> str:
    lines = ["| id | class | frames | share of the labelled pixels |", "|---:|---|---:|---:|"]
    for row in class_stats(index):
        share = "" if row.share is None else f"{row.share:.3%}"
        lines.append(f"| {row.id} | {row.name} | {row.num_frames:,} | {share} |")
    return "\n".join(lines) if index.class_frames else "No frame of it is labelled."


def _sources(indexes: list[ShardIndex]) -> str:
    known = card_sources()
    used = sorted({name for index in indexes for name in index.dataset.split("+")})
    lines = ["## Where the data comes from", ""]
    for name in used:
        lines += [_source(known[name])] if name in known else [f"- **{name}**: files of your own"]
    return "\n".join([*lines, ""])


def _source(source: CardSource) -> str:
    return (
        f"- **{source.title}**, {source.page}\n  - Licence: {source.licence}\n"
        f"  - Please cite: {source.cite}"
    )


def _pairs(values: object) -> str:
    facts = values.items() if hasattr(values, "items") else ()
    return ", ".join(f"{name} {value}" for name, value in facts)


def _cell(value: object) -> str:
    """Return a value as one cell of a table, whatever a file name or a note holds."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
