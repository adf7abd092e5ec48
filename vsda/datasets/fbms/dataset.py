"""FBMS-59: video sequences of which some frames have a ground truth of moving regions.

Layout: `Trainingset/<sequence>/<sequence>_NN.jpg` (`Testset` for the split test) and beside the
frames `GroundTruth/` with `<sequence>Def.dat`, which lists the labelled frames and the code of each
region, and with `<sequence>_NNNN_gt.ppm` or `<sequence>_NN.pgm`. The dataset has no classes; the
manifest's table of regions gives them, or the user's own.
"""

from collections.abc import Iterator

from vsda.datasets.fbms.classes import region_rows, table_settings
from vsda.datasets.fbms.layout import FbmsOptions, find_sequences, open_root
from vsda.datasets.fbms.notes import notes_of
from vsda.datasets.fbms.sequence import NAME, Surveyed, TruthFacts, failures_of, survey, unit_of
from vsda.datasets.fbms.truth import read_regions
from vsda.datasets.frames import present_classes, read_jpeg, remap_named
from vsda.datasets.listing import Dataset, Failure, Item, Listing, Request, Source, Unit
from vsda.errors import Outcome
from vsda.manifests import fbms_splits
from vsda.sample import FrameFacts, Sample, legal_key


def list_split(request: Request) -> Listing:
    """Return what an FBMS folder holds of a split; see `Dataset.list_split`.

    A sequence is kept if the table has a region of a chosen class for it; of a kept one the frames
    with a ground truth are written, or all.
    """
    root = open_root(request)
    is_remapped = request.rules.classes is not None
    rows = region_rows(request) if is_remapped else {}
    here = [
        survey(root, found, rows.get(found.name), request)
        for found in find_sequences(root, request.split)
    ]
    unknown = [one for one in here if is_remapped and one.rows is None]
    left_out = [one for one in here if not one.shows_chosen]
    kept = [one for one in here if one.shows_chosen and (one.rows or not is_remapped)]
    units = [unit_of(one, request.split) for one in kept]
    return Listing(
        dataset=NAME,
        split=request.split,
        root=root,
        units=tuple(unit for unit in units if unit.items),
        settings={"frames": request.options.frames} | table_settings(request),
        num_left_out=sum(one.num_items for one in left_out),
        failures=(
            *(_unknown(one, request) for one in unknown),
            *(failure for one in kept for failure in failures_of(one)),
        ),
        notes=tuple(notes_of(request, here, kept, left_out)),
    )


def read(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Yield one frame as a sample; see `Dataset.read`."""
    image, seg, inst = read_jpeg(source.root, item.image), None, None
    if item.mask is not None:
        truth = TruthFacts.from_json(item.annotation)
        inst = read_regions(
            source.root,
            item.mask,
            image,
            truth.codes,
            unlisted_is_ignore=truth.unlisted_is_ignore,
        )
        if unit.table is not None:
            seg = remap_named(inst, unit.table, f"{item.mask}: sequence {unit.sequence!r}")
    facts = FrameFacts(
        dataset=source.dataset,
        split=source.split,
        sequence=unit.sequence,
        frame=item.frame,
        frame_index=item.frame_index,
        width_px=image.width_px,
        height_px=image.height_px,
        labelled=seg is not None,
        classes=() if seg is None else present_classes(seg),
    )
    yield Sample(key=item.key, jpg=image.data, seg=seg, inst=inst, facts=facts)


DATASET = Dataset(
    name=NAME,
    splits=tuple(fbms_splits()),
    list_split=list_split,
    read=read,
    options=FbmsOptions,
    shared_with=NAME,
)


def _unknown(one: Surveyed, request: Request) -> Failure:
    table = "the manifest" if request.options.class_map is None else "--class-map"
    message = (
        f"{one.found.folder}: the table of regions ({table}) has no row for sequence {one.name!r} "
        f"of {request.split}, so none of it is written; add it to a --class-map, or use --remap "
        "none"
    )
    return Failure(
        key=legal_key(NAME, one.name),
        outcome=Outcome.UNKNOWN_ID,
        message=message,
        num_items=one.num_items,
    )
