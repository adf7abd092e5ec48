"""The page on which a person settles what the regions of FBMS-59 show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vsda.datasets.fbms.regions import Region, iter_regions
from vsda.datasets.listing import Failure, Request
from vsda.manifests import FbmsRegion, coco_classes, fbms_regions, read_fbms_regions
from vsda.pages.review import (
    ALL_REGIONS,
    UNSURE,
    RegionRow,
    RegionView,
    ReviewPage,
    write_review,
)
from vsda.storage import Place

_TITLE = "FBMS-59: what the regions show"
_HEADER = (
    "What every moving region of FBMS-59 shows, settled on the page of vsda prepare fbms --review.",
    "Use it with vsda prepare fbms --class-map.",
)
_NO_CATEGORY = "not in the table"


@dataclass(frozen=True, kw_only=True, slots=True)
class FbmsReview:
    """A written page, and what of the dataset is not on it because it cannot be read."""

    page: ReviewPage
    failures: tuple[Failure, ...]


def review_fbms(requests: Sequence[Request], out: Place) -> FbmsReview:
    """Write the page about every region of the splits that are asked for.

    The table on it is that of the first request: its `class_map`, or the manifest's.

    Args:
        requests: One for each split.
        out: The HTML file, replaced if it exists.

    Raises:
        DatasetError: A split is not there.
        ManifestError: The user's table is missing or wrong.
    """
    failures: list[Failure] = []
    class_map = requests[0].options.class_map
    table = fbms_regions() if class_map is None else read_fbms_regions(class_map)
    page = write_review(
        out,
        _views(requests, failures),
        [_row(row) for row in table],
        classes=sorted(row.name for row in coco_classes()),
        title=_TITLE,
        header=_HEADER,
    )
    return FbmsReview(page=page, failures=tuple(failures))


def _views(requests: Sequence[Request], failures: list[Failure]) -> Iterator[RegionView]:
    for request in requests:
        for found in iter_regions(request):
            if isinstance(found, Failure):
                failures.append(found)
            else:
                yield _view(found)


def _view(region: Region) -> RegionView:
    return RegionView(
        split=region.split,
        sequence=region.sequence,
        region=region.region,
        num_regions=region.num_regions,
        category=region.category or _NO_CATEGORY,
        class_name=region.class_name,
        certainty=region.certainty or UNSURE,
        picture=region.picture,
        mask=region.mask,
        frame=region.frame,
    )


def _row(row: FbmsRegion) -> RegionRow:
    return RegionRow(
        split=row.split,
        sequence=row.sequence,
        region=ALL_REGIONS if row.region is None else str(row.region),
        category=row.category,
        class_name=row.class_name,
        certainty=row.certainty,
    )
