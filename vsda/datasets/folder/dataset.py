"""Anybody's own files: images with or without masks, and videos.

Layout: `images/<sequence>/<frame>.jpg`, `masks/<sequence>/<frame>.png`, `videos/<sequence>.mp4`;
images directly in `images/` are still ones. Images and videos may also lie in the root itself. What
mask values mean is said by a table of the user's, a value 0 is background unless the table says
otherwise, and any other value that it lacks is an error.
"""

from collections.abc import Iterator

from vsda.datasets.folder.images import classes_in_mask, image_sample
from vsda.datasets.folder.layout import open_layout
from vsda.datasets.folder.listing import Lister, list_units
from vsda.datasets.folder.notes import notes_of
from vsda.datasets.folder.options import (
    FolderOptions,
    check_split,
    dataset_name,
    encoding_of,
    rate_of,
    refuse_for_images,
)
from vsda.datasets.folder.tables import make_tables
from vsda.datasets.folder.videos import VIDEO_ENDINGS, video_samples
from vsda.datasets.folder.walk import split_ending
from vsda.datasets.listing import ANY_SPLIT, Dataset, Item, Listing, Request, Source, Unit
from vsda.sample import Sample

NAME = "folder"


def list_split(request: Request) -> Listing:
    """Return what a folder holds; see `Dataset.list_split`. The split is but a name."""
    options: FolderOptions = request.options
    check_split(request.split)
    rate, encoding = rate_of(options), encoding_of(options)
    name = dataset_name(request)
    layout = open_layout(request)
    if not layout.videos.files:
        refuse_for_images(options, str(layout.root))
    tables = make_tables(request, layout)
    found = list_units(Lister(layout, tables, name, options.still))
    of_videos = {
        "fps": options.fps if rate is None else str(rate),
        "short_side_px": encoding.short_side_px,
        "jpeg_quality": encoding.jpeg_quality,
    }
    return Listing(
        dataset=name,
        split=request.split,
        root=layout.root,
        units=tuple(found.units),
        settings={
            **tables.settings(),
            **(of_videos if layout.videos.files else {}),
            **({} if options.licence is None else {"licence": options.licence}),
        },
        num_left_out=found.num_left_out,
        failures=tuple(found.failures),
        notes=notes_of(layout, tables, found),
    )


def read(source: Source, unit: Unit, item: Item) -> Iterator[Sample]:
    """Return the samples of an image or a video; see `Dataset.read`."""
    if split_ending(item.image)[1] in VIDEO_ENDINGS:
        return video_samples(source, unit, item)
    return image_sample(source, unit, item)


DATASET = Dataset(
    name=NAME,
    splits=("train",),
    list_split=list_split,
    read=read,
    classes_of=classes_in_mask,
    options=FolderOptions,
    other_splits=(ANY_SPLIT,),
)
