"""`export`: sets of shards as files of images and masks that other programs read."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from vsda.errors import ShardError, UnknownNameError, UsageError
from vsda.progress import progress
from vsda.sample import Sample
from vsda.shards.index import ShardSet, open_sets
from vsda.shards.read import iterate_samples
from vsda.shards.tars import load_idx
from vsda.storage import Place
from vsda.toolbox.export_coco import InstancesLayout, PanopticLayout, original_number
from vsda.toolbox.export_davis import DavisLayout
from vsda.toolbox.export_folder import FolderLayout
from vsda.toolbox.export_layout import Export, Layout
from vsda.toolbox.export_names import check_name, check_sample
from vsda.toolbox.export_target import Target, open_target

LayoutName = Literal["folder", "coco-panoptic", "coco-instances", "davis"]
LAYOUT_NAMES: tuple[LayoutName, ...] = get_args(LayoutName)

_LAYOUTS: dict[str, Callable[[Export], Layout]] = {
    "folder": FolderLayout,
    "coco-panoptic": PanopticLayout,
    "coco-instances": InstancesLayout,
    "davis": DavisLayout,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """What becomes which files.

    Attributes:
        out: Folder or fsspec URL that becomes the export.
        layout: One of `LAYOUT_NAMES`.
        split: Name of the split in the layout; None for the one that each sample has.
        sequences: Only these; empty for all samples.
        overwrite: Replace an older export.
    """

    out: Place
    layout: LayoutName
    split: str | None = None
    sequences: tuple[str, ...] = ()
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        out: Where.
        layout: In which layout.
        sets: Names of the sets.
        files: Number of files, the marker not counted.
        frames: Samples that were written.
        left_out: Samples for which the layout has no place.
        sequences: Sequences that were written.
        segments: Regions that are listed (COCO) or objects (DAVIS).
        notes: What the layout could not take, for the user.
    """

    out: str
    layout: str
    sets: tuple[str, ...]
    files: int
    frames: int
    left_out: int
    sequences: int
    segments: int
    notes: tuple[str, ...]


def export_sets(places: Sequence[str], options: ExportOptions) -> ExportReport:
    """Write sets as files of images and masks; the export is complete or not there.

    Same sets and options, same bytes. Samples are read one at a time, each tar after its hash has
    been compared with the index.

    Args:
        places: Paths or URLs of sets; a folder stands for all sets in it.
        options: What to write and where.

    Raises:
        UsageError: Options that contradict each other, or a target that may not be replaced.
        UnknownNameError: A layout or sequence that there is not.
        ShardError: A set is missing or damaged, two sets have the same key, a sample has a name
            that is no plain path, or the layout cannot say what a set holds.
    """
    _check(options)
    sets = [shard_set for place in places for shard_set in open_sets(place)]
    chosen = [_with_sequences(shard_set, options.sequences) for shard_set in sets]
    _check_sequences(sets, options.sequences)
    first_image_id = _check_keys(chosen) + 1
    with open_target(
        options.out, _description(sets, options), overwrite=options.overwrite
    ) as target:
        export = Export(target=target, split=options.split, first_image_id=first_image_id)
        with closing(_LAYOUTS[options.layout](export)) as layout:
            return _write(chosen, options, layout, target)


def _check(options: ExportOptions) -> None:
    if options.layout not in _LAYOUTS:
        raise UnknownNameError("--as", options.layout, _LAYOUTS)
    if options.split is None:
        return
    if options.layout == "folder":
        raise UsageError("--split: the layout 'folder' has no splits; leave it out")
    try:
        check_name(options.split, "split", "--split")
    except ShardError as error:
        raise UsageError(str(error)) from error


def _with_sequences(shard_set: ShardSet, sequences: Sequence[str]) -> ShardSet:
    """Return the set with the shards that hold one of `sequences`, or all of them."""
    if not sequences:
        return shard_set
    shards = tuple(
        info
        for info in shard_set.index.shards
        if {sequence.name for sequence in info.sequences} & set(sequences)
    )
    return replace(shard_set, index=replace(shard_set.index, shards=shards))


def _check_sequences(sets: Sequence[ShardSet], sequences: Sequence[str]) -> None:
    known = {row.name for shard_set in sets for row in shard_set.index.sequences}
    for name in sequences:
        if name not in known:
            raise UnknownNameError("sequence", name, known)


def _check_keys(sets: Sequence[ShardSet]) -> int:
    """Return the largest number of a COCO image, 0 for none, after a look at all keys.

    Raises:
        ShardError: A key that comes twice.
    """
    owner: dict[str, str] = {}
    largest = 0
    for shard_set in sets:
        name = shard_set.place(shard_set.index.name)
        for info in shard_set.index.shards:
            for key in load_idx(shard_set, info).keys:
                if key in owner:
                    raise ShardError(
                        f"{key} is in {owner[key]} and in {name}, but two samples cannot be one "
                        "file; export the sets into folders of their own"
                    )
                owner[key] = name
                largest = max(largest, original_number(key) or 0)
    return largest


def _description(sets: Sequence[ShardSet], options: ExportOptions) -> dict[str, Any]:
    return {
        "as": options.layout,
        "sets": [
            {
                "name": shard_set.index.name,
                "index_sha256": hashlib.sha256(shard_set.index.to_json()).hexdigest(),
            }
            for shard_set in sets
        ],
        "split": options.split,
        "sequences": list(options.sequences),
    }


def _write(
    sets: Sequence[ShardSet], options: ExportOptions, layout: Layout, target: Target
) -> ExportReport:
    frames = left_out = 0
    sequences: set[str] = set()
    num_samples = sum(shard_set.index.num_samples for shard_set in sets)
    for shard_set, sample in progress(_samples(sets), f"export {options.layout}", num_samples):
        where, sequence = shard_set.place(shard_set.index.name), sample.facts.sequence
        check_sample(sample, where)
        if options.sequences and sequence not in options.sequences:
            continue
        if not layout.add(sample, shard_set.index.settings, f"{where}: {sample.key}"):
            left_out += 1
            continue
        frames += 1
        sequences |= set() if sequence is None else {sequence}
    if not frames:
        raise ShardError(_nothing(options.layout, left_out))
    layout.finish()
    return ExportReport(
        out=str(options.out),
        layout=options.layout,
        sets=tuple(shard_set.index.name for shard_set in sets),
        files=target.num_files,
        frames=frames,
        left_out=left_out,
        sequences=len(sequences),
        segments=layout.num_segments,
        notes=tuple(layout.notes()),
    )


def _samples(sets: Sequence[ShardSet]) -> Iterator[tuple[ShardSet, Sample]]:
    for shard_set in sets:
        for sample in iterate_samples(shard_set):
            yield shard_set, sample


def _nothing(layout: str, left_out: int) -> str:
    if not left_out:
        return "nothing to export: the sets hold no samples"
    return (
        f"nothing to export as {layout}: none of {left_out} samples has a seg.png; '--as folder' "
        "takes frames without labels"
    )
