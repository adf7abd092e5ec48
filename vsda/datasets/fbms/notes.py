"""What a user should know of the part of FBMS that is here, and of how its classes are known."""

from collections.abc import Iterable, Iterator, Sequence

from vsda.datasets.fbms.sequence import Surveyed, lacks_truth
from vsda.datasets.listing import Request
from vsda.manifests import fbms_sequences, fbms_splits

_MAX_SHOWN = 12
_REVIEW = "`vsda prepare fbms --review regions.html` shows every region beside its row"


def notes_of(
    request: Request,
    here: Sequence[Surveyed],
    kept: Sequence[Surveyed],
    left_out: Sequence[Surveyed],
) -> Iterator[str]:
    """Yield the notes on a split.

    Args:
        request: What is asked for.
        here: All sequences on disk.
        kept: Those that are written.
        left_out: Those that show no chosen class.
    """
    if request.options.class_map is None:  # a table of the user's own means sequences of their own
        yield from _amounts(request.split, here)
    yield from _classes(request, kept, left_out)
    yield from _files(kept)


def _amounts(split: str, here: Sequence[Surveyed]) -> Iterator[str]:
    """Yield what of the dataset is not here."""
    expected = {row.name for row in fbms_sequences() if row.split == split}
    present = [one for one in here if one.name in expected]
    if len(present) < len(expected):
        yield f"only {len(present)} of the manifest's {len(expected)} sequences are here"
    num_annotated = fbms_splits()[split].num_annotated
    found = sum(len(one.truths.by_frame) for one in present)
    if found != num_annotated:
        yield f"{found} frames with a ground truth are here, FBMS-59 has {num_annotated}"


def _classes(
    request: Request, kept: Sequence[Surveyed], left_out: Sequence[Surveyed]
) -> Iterator[str]:
    """Yield how the classes of the sequences are known."""
    unsure = [one.name for one in left_out if one.is_unsure]
    others = [one.name for one in left_out if not one.is_unsure]
    if others:
        yield f"left out, no region of a chosen class: {_listed(others)}"
    certainty = request.options.certainty
    if unsure:
        yield (
            f"left out, all regions less certain than --certainty {certainty}: {len(unsure)} "
            f"sequences: {_listed(unsure)}; {_REVIEW}"
        )
    partly = [
        f"{one.name} {','.join(map(str, regions))}"
        for one in kept
        if one.rows is not None and (regions := one.rows.unused(one.num_regions))
    ]
    if partly:
        yield f"regions less certain than --certainty {certainty}, 255 here: {_listed(partly)}"
    used_unsure = [one.name for one in kept if _uses(one, "unsure")]
    if used_unsure:
        yield (
            f"used although unsure: {len(used_unsure)} sequences: {_listed(used_unsure)}; {_REVIEW}"
        )
    as_a_whole = [
        f"{one.name} ({one.num_regions - 1} regions)" for one in kept if _is_named_as_a_whole(one)
    ]
    if as_a_whole:
        yield (
            f"several regions have one class by the name of the sequence alone: "
            f"{_listed(as_a_whole)}; {_REVIEW}"
        )
    yield from _rows_without_region(kept)


def _files(kept: Sequence[Surveyed]) -> Iterator[str]:
    """Yield what of the files of the kept sequences is not as it should be."""
    whole = [one for one in kept if one.truths.definition is not None]
    for text, found in (
        (
            "frames other than in Def.dat",
            [
                f"{one.name} {len(one.found.frames)} of {one.truths.definition.num_frames}"
                for one in whole
                if one.truths.definition is not None
                and len(one.found.frames) != one.truths.definition.num_frames
            ],
        ),
        (
            "a Def.dat counts frames otherwise than the file names, which are taken",
            [f"{one.name} {one.truths.miscounted}" for one in whole if one.truths.miscounted],
        ),
        (
            "not in a Def.dat, so not read",
            [f"{one.found.truth_folder}/{name}" for one in kept for name in one.truths.unlisted],
        ),
        (
            "no frame number in the name, so not read",
            [f"{one.found.folder}/{name}" for one in kept for name in one.found.strangers],
        ),
        (
            "no GroundTruth, so all frames are unlabelled",
            [one.name for one in kept if one.found.fault is None and lacks_truth(one)],
        ),
    ):
        if found:
            yield f"{text}: {_listed(found)}"


def _uses(one: Surveyed, certainty: str) -> bool:
    rows = one.rows
    return rows is not None and any(
        rows.is_used(region)
        and (row := rows.row(region)) is not None
        and row.certainty == certainty
        for region in range(1, one.num_regions)
    )


def _is_named_as_a_whole(one: Surveyed) -> bool:
    """Return whether one row, known by the sequence's name alone, stands for several regions."""
    rows = one.rows
    if rows is None or rows.every is None or rows.every.certainty != "name":
        return False
    covered = [region for region in range(1, one.num_regions) if region not in rows.own]
    return len(covered) > 1 and rows.is_used(covered[0])


def _rows_without_region(kept: Sequence[Surveyed]) -> Iterator[str]:
    odd = [
        f"{one.name} {region}"
        for one in kept
        if one.rows is not None and one.truths.definition is not None
        for region in sorted(one.rows.own)
        if region >= one.num_regions
    ]
    if odd:
        yield f"rows of regions that the Def.dat does not have: {_listed(odd)}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MAX_SHOWN} more" if every[_MAX_SHOWN:] else ""
    return ", ".join(every[:_MAX_SHOWN]) + more
