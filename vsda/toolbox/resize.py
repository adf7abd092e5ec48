"""The same frames, smaller: what is read of a set shrinks with the square of the side."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from vsda.engine.run import Workers
from vsda.errors import Outcome, UsageError
from vsda.prepare.report import report_rows, sort_failures
from vsda.shards.index import ShardIndex
from vsda.storage import Place
from vsda.taxonomy import class_names
from vsda.toolbox.run import MadeSet, NewSet, check_standing, make_sets, new_set
from vsda.toolbox.smaller import KEPT, LOST, LOST_CLASS, LOST_OBJECT, SMALLER, Resize
from vsda.toolbox.sources import Source, open_sources, refuse_own_place
from vsda.toolbox.task import Written


def resize_sets(
    places: Sequence[str], out: Place, resize: Resize, *, workers: Workers, overwrite: bool = False
) -> list[MadeSet]:
    """Write sets again with smaller frames, each under its name in another folder.

    Keys, sequences, boxes and shards stay; masks are sampled where the centres of the new pixels
    lie, so no value appears that was not there. What is small enough already keeps its bytes.

    Args:
        places: Sets, or folders of sets.
        out: Folder or URL of the new sets.
        resize: How small the frames become.
        workers: Where the work is done.
        overwrite: Replace sets that were made otherwise.

    Raises:
        UsageError: Two sets have one name, or a new set would take the place of its source.
        ShardError: There is no set, one is damaged, or another set is there already.
        VsdaError: The disk is full, another process writes the same set, or a worker died.
    """
    sources = open_sources(places)
    _refuse_same_names(sources)
    for source in sources:
        refuse_own_place(source, out, source.name)
    sets = [_new_set(source, out, resize) for source in sources]
    check_standing(sets, overwrite=overwrite)
    return [
        made
        for new in sets
        for made in make_sets([new], _finish, workers=workers, overwrite=overwrite)
    ]


def _refuse_same_names(sources: Sequence[Source]) -> None:
    places: dict[str, str] = {}
    for source in sources:
        if source.name in places:
            raise UsageError(
                f"the sets {places[source.name]} and {source.place} have one name, so one would "
                "take the place of the other; resize them one by one, each with its own --out"
            )
        places[source.name] = source.place


def _new_set(source: Source, out: Place, resize: Resize) -> NewSet:
    index = source.shard_set.index
    done = {**resize.settings(), "source": source.settings(), "source_bytes": source.num_bytes}
    new_index = ShardIndex(
        name=index.name,
        dataset=index.dataset,
        split=index.split,
        shards=(),
        settings={**index.settings, "resize": done},
        notes=index.notes,
        command=f"vsda shards resize {index.name} {resize.words()}",
    )
    return new_set(out, new_index, [(shard, resize) for shard in source.shards()])


def _finish(
    index: ShardIndex, results: Sequence[Written]
) -> tuple[ShardIndex, Mapping[str, bytes]]:
    """Complete the index with what became of the frames; each that failed has a row."""
    failures = sort_failures(chain.from_iterable(result.failures for result in results))
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    outcomes = Counter({Outcome.OK: counts[SMALLER] + counts[KEPT]})
    outcomes.update(failure.outcome for failure in failures)
    whole = replace(
        index,
        outcomes={outcome.value: count for outcome, count in sorted(outcomes.items()) if count},
        notes=(*index.notes, *_notes(counts)),
    )
    return whole, {f"{index.name}.report.jsonl": report_rows(failures)}


def _notes(counts: Counter[str]) -> Iterator[str]:
    if counts[KEPT]:
        yield f"{counts[KEPT]} frames are small enough already and keep their bytes"
    if counts[LOST_CLASS]:
        names = class_names()
        lost = ", ".join(
            f"{names.get(coco_id, f'id {coco_id}')} in {counts[f'{LOST}{coco_id}']}"
            for coco_id in sorted(int(key.removeprefix(LOST)) for key in _lost_keys(counts))
        )
        yield (
            f"{counts[LOST_CLASS]} frames lost a class, all of whose pixels lay between the new "
            f"ones: {lost}"
        )
    if counts[LOST_OBJECT]:
        yield f"{counts[LOST_OBJECT]} frames lost an object of inst.png in the same way"


def _lost_keys(counts: Counter[str]) -> list[str]:
    return [key for key, count in counts.items() if count and key.startswith(LOST)]
