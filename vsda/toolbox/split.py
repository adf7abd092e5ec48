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
from vsda.toolbox.parts import PartOf, by_hash, by_list, parse_parts, read_list, seed_for
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
    names = list(dict.fromkeys(name for _, inside in units for name in inside))
    found, part_of = _division(source, names, parts)
    sets = [_new_set(source, out, parts, part, _choose(units, part, part_of)) for part in found]
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


def _division(source: Source, names: Sequence[str], parts: Parts) -> tuple[list[str], PartOf]:
    """Return the parts, none of which is empty, and which of them each of `names` belongs to."""
    if parts.list_file is not None:
        listed = read_list(parts.list_file)
        part_of = by_list(listed, names, source.place, parts.list_file)
        return sorted(set(listed.values())), part_of
    shares = parse_parts(parts.shares or "")
    part_of = by_hash(shares, parts.seed)
    counts = Counter(part_of(name) for name in names)
    if empty := [part for part in shares if not counts[part]]:
        seed = seed_for(shares, names)
        raise ShardError(
            f"{source.place}: {' and '.join(empty)} would be empty: of {len(names)} sequences and "
            f"stills {', '.join(f'{counts[part]} fall to {part}' for part in shares)}; "
            + (
                "give --list"
                if seed is None
                else f"--seed {seed} leaves none empty, or give --list"
            )
        )
    return list(shares), part_of


def _choose(
    units: Sequence[tuple[ShardSet, list[str]]], part: str, part_of: PartOf
) -> list[tuple[ShardSet, Work]]:
    """Return what the part takes of which shard."""
    works: list[tuple[ShardSet, Work]] = []
    for shard, inside in units:
        taken = [unit for unit in inside if part_of(unit) == part]
        if taken:
            works.append((shard, Copy() if len(taken) == len(inside) else Take(frozenset(taken))))
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
        versions=index.versions,
    )
    return new_set(out, new_index, works)


def _finish(
    index: ShardIndex, results: Sequence[Written]
) -> tuple[ShardIndex, Mapping[str, bytes]]:
    num_samples = sum(result.shard.nsamples for result in results if result.shard is not None)
    no_failures = {f"{index.name}.report.jsonl": b""}  # in place of what an older set had
    return replace(index, outcomes={Outcome.OK.value: num_samples}), no_failures
