"""One set as several; a sequence never lies in two of them."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsda.engine.run import Workers
from vsda.errors import Outcome, ShardError, UsageError
from vsda.progress import progress
from vsda.shards.index import ShardIndex, ShardSet
from vsda.storage import Place
from vsda.toolbox.merge import Copy
from vsda.toolbox.parts import PartOf, by_hash, by_list, parse_parts, read_list
from vsda.toolbox.run import MadeSet, NewSet, make_sets, new_set
from vsda.toolbox.sources import Source, check_name, open_source, refuse_own_place
from vsda.toolbox.take import Take, units_in
from vsda.toolbox.task import Work, Written


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """How a set is divided: by shares or by a list, not both.

    Attributes:
        shares: Such as `train=0.9,val=0.1`.
        seed: Gives other parts of the same shares.
        list_file: A file with a line `sequence<TAB>part` for each sequence, or key of a still.
        name: How the names of the parts begin; None for the name of the set without its split.
    """

    shares: str | None = None
    seed: int = 0
    list_file: Path | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse both or none.

        Raises:
            UsageError: There are two ways to divide, or there is none.
        """
        if (self.shares is None) == (self.list_file is None):
            raise UsageError("give either --parts NAME=SHARE,NAME=SHARE or --list FILE")

    def words(self) -> str:
        """Return the options of the command line; of the file the name alone."""
        if self.list_file is not None:
            how = f"--list {self.list_file.name}"
        else:
            how = f"--parts {self.shares} --seed {self.seed}"
        return how if self.name is None else f"{how} --name {self.name}"

    def settings(self) -> dict[str, Any]:
        """Return what the index records; of the file the content decides, not its name."""
        if self.list_file is not None:
            return {"list_sha256": hashlib.sha256(self.list_file.read_bytes()).hexdigest()}
        return {"parts": self.shares, "seed": self.seed}


def split_set(
    place: str, out: Place, parts: Parts, *, workers: Workers, overwrite: bool = False
) -> list[MadeSet]:
    """Write one set as several, whose samples stay byte for byte.

    A part takes the place of the split at the end of the set's name: `davis-train` becomes
    `davis-train` and `davis-val` in another folder. Which part a sequence goes to hangs on its name
    alone, so sequences that are added later do not move others. Still images are divided by key.

    Args:
        place: The set.
        out: Folder or URL of the new sets.
        parts: How it is divided.
        workers: Where the work is done.
        overwrite: Replace sets that were made otherwise.

    Returns:
        The parts, in the order of `parts`, or of their names where a list divides.

    Raises:
        UsageError: The parts are not stated as they should be, or one would take the place of the
            set.
        ShardError: A part would be empty, the set is damaged, or another set is there already.
        VsdaError: The disk is full, another process writes the same set, or a worker died.
    """
    source = open_source(place)
    units = _units(source)
    names, part_of = _division(source, units, parts)
    chosen = _choose(source, units, names, part_of)
    sets = [_new_set(source, out, parts, name, works) for name, works in chosen.items()]
    return make_sets(sets, _finish, workers=workers, overwrite=overwrite)


def part_name(index: ShardIndex, part: str, beginning: str | None) -> str:
    """Return the name of a part: `part` stands for the split at the end of the set's name."""
    if beginning is None:
        beginning = index.name.removesuffix(f"-{index.split}")
    return f"{beginning}-{part}"


def _units(source: Source) -> list[tuple[ShardSet, list[str]]]:
    """Return for each shard the sequences and stills in it."""
    shards = progress(list(source.shards()), f"{source.name}: contents")
    return [(shard, units_in(shard, shard.index.shards[0])) for shard in shards]


def _division(
    source: Source, units: Sequence[tuple[ShardSet, list[str]]], parts: Parts
) -> tuple[list[str], PartOf]:
    """Return the names of the parts, and what belongs to which."""
    if parts.list_file is None:
        shares = parse_parts(parts.shares or "")
        return list(shares), by_hash(shares, parts.seed)
    listed = read_list(parts.list_file)
    present = (name for _, names in units for name in names)
    part_of = by_list(listed, present, source.place, parts.list_file)
    return sorted(set(listed.values())), part_of


def _choose(
    source: Source,
    units: Sequence[tuple[ShardSet, list[str]]],
    names: Sequence[str],
    part_of: PartOf,
) -> dict[str, list[tuple[ShardSet, Work]]]:
    """Return for each part what it takes of which shard.

    Raises:
        ShardError: A part would be empty.
    """
    works: dict[str, list[tuple[ShardSet, Work]]] = {name: [] for name in names}
    counts: Counter[str] = Counter()
    for shard, inside in units:
        taken = {name: [unit for unit in inside if part_of(unit) == name] for name in names}
        for name in (name for name in names if taken[name]):
            is_all = len(taken[name]) == len(inside)
            works[name].append((shard, Copy() if is_all else Take(frozenset(taken[name]))))
        counts.update({name: len(taken[name]) for name in names})
    empty = [name for name in names if not works[name]]
    if empty:
        found = ", ".join(f"{counts[name]} in {name}" for name in names)
        raise ShardError(
            f"{source.place}: {', '.join(empty)} would be empty ({found}, of "
            f"{counts.total()} sequences and stills); give another --seed, larger shares, or --list"
        )
    return works


def _new_set(
    source: Source, out: Place, parts: Parts, part: str, works: Sequence[tuple[ShardSet, Work]]
) -> NewSet:
    index = source.shard_set.index
    name = part_name(index, part, parts.name)
    check_name(name, "--name")
    refuse_own_place(source, out, name)
    done = {**parts.settings(), "part": part, "source": source.settings()}
    new_index = ShardIndex(
        name=name,
        dataset=index.dataset,
        split=part,
        shards=(),
        settings={**index.settings, "split": done},
        notes=(
            f"the part {part} of {index.name}; the facts of its frames still name the split of "
            "the dataset",
            *index.notes,
        ),
        command=f"vsda shards split {index.name} {parts.words()}",
    )
    return new_set(out, new_index, works)


def _finish(
    index: ShardIndex, results: Sequence[Written]
) -> tuple[ShardIndex, Mapping[str, bytes]]:
    num_samples = sum(result.shard.nsamples for result in results if result.shard is not None)
    no_failures = {f"{index.name}.report.jsonl": b""}  # in place of what an older set had
    return replace(index, outcomes={Outcome.OK.value: num_samples}), no_failures
