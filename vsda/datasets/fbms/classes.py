"""Which class every region of an FBMS sequence has: the manifest's table, or the user's own."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vsda.datasets.labels import LabelRules
from vsda.datasets.listing import Request
from vsda.manifests import (
    BACKGROUND_CLASS,
    CERTAINTIES,
    IGNORE_CLASS,
    FbmsRegion,
    fbms_regions,
    manifest_path,
    read_fbms_regions,
)
from vsda.taxonomy import BACKGROUND_ID, IGNORE_INDEX


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionRows:
    """What the table says of a sequence.

    Attributes:
        own: The rows of single regions, by number.
        every: The row of all others, None if there is none.
        certainty: The least certain rows that are used.
    """

    own: Mapping[int, FbmsRegion]
    every: FbmsRegion | None
    certainty: str

    def row(self, region: int) -> FbmsRegion | None:
        """Return the row of a region."""
        return self.own.get(region, self.every)

    def is_used(self, region: int) -> bool:
        """Return whether the row of a region is as certain as is asked for."""
        row = self.row(region)
        return row is not None and CERTAINTIES.index(row.certainty) <= CERTAINTIES.index(
            self.certainty
        )

    def unused(self, num_regions: int) -> list[int]:
        """Return the regions, of so many with the background, whose rows are not certain enough."""
        return [
            region
            for region in range(1, num_regions)
            if self.row(region) is not None and not self.is_used(region)
        ]

    def value_table(self, num_regions: int, rules: LabelRules) -> dict[int, int]:
        """Return the COCO id of every region; one without a row is not in the table."""
        names = {BACKGROUND_ID: BACKGROUND_CLASS, IGNORE_INDEX: IGNORE_CLASS}
        for region in range(1, num_regions):
            row = self.row(region)
            if row is not None:
                names[region] = row.class_name if self.is_used(region) else IGNORE_CLASS
        return rules.value_table(names)


def region_rows(request: Request) -> dict[str, RegionRows]:
    """Return what the table says of the sequences of a split, by their names.

    Raises:
        ManifestError: The user's table is missing or wrong; the message names file and line.
    """
    class_map = request.options.class_map
    rows = fbms_regions() if class_map is None else read_fbms_regions(class_map)
    by_sequence: dict[str, list[FbmsRegion]] = {}
    for row in rows:
        if row.split == request.split:
            by_sequence.setdefault(row.sequence, []).append(row)
    certainty = request.options.certainty
    return {name: _rows(found, certainty) for name, found in by_sequence.items()}


def table_settings(request: Request) -> dict[str, str]:
    """Return what an index records of the table that gave the classes."""
    if request.rules.classes is None:
        return {}
    class_map = request.options.class_map
    path = class_map or manifest_path("fbms", "regions")
    return {
        "certainty": request.options.certainty,
        "class_map": class_map.name if class_map else "manifest",
        "class_map_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _rows(rows: Iterable[FbmsRegion], certainty: str) -> RegionRows:
    own = {row.region: row for row in rows if row.region is not None}
    every = next((row for row in rows if row.region is None), None)
    return RegionRows(own=own, every=every, certainty=certainty)
