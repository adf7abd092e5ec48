"""The COCO id of every mask value of a folder, sequence by sequence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vsda.datasets.folder.classes import ClassMap, read_class_map
from vsda.datasets.folder.layout import Layout
from vsda.datasets.labels import LabelRules
from vsda.datasets.listing import Request
from vsda.errors import UsageError

Table = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Tables:
    """What labels the masks of a folder get.

    Attributes:
        rules: Which classes are chosen.
        class_map: What mask values mean; None where masks stay as they are, or there are none.
    """

    rules: LabelRules
    class_map: ClassMap | None
    _made: dict[str | None, Table | None] = field(default_factory=dict)

    @property
    def values_are_objects(self) -> bool:
        """Whether a value is an object of its sequence, and not a class."""
        return self.class_map is not None and self.class_map.has_sequences

    def is_unknown(self, sequence: str | None) -> bool:
        """Return whether the class map has no row for a sequence."""
        return self.class_map is not None and self.class_map.names(sequence) is None

    def table(self, sequence: str | None) -> Table | None:
        """Return the COCO id of every value; None where masks stay as they are."""
        if self.class_map is None:
            return None
        if sequence not in self._made:
            self._made[sequence] = self.rules.value_table(self.class_map.names(sequence) or {})
        return self._made[sequence]

    def settings(self) -> dict[str, Any]:
        """Return what the index records of it."""
        return {} if self.class_map is None else self.class_map.settings()


def make_tables(request: Request, layout: Layout) -> Tables:
    """Return the tables for the masks of a folder.

    Raises:
        UsageError: Masks are to be remapped and nothing says what they mean, or the other way
            round.
        ManifestError: The class map is wrong.
    """
    place, has_masks = request.options.class_map, layout.masks is not None
    if request.rules.classes is None or not has_masks:
        if place is not None:
            why = "there are no masks" if not has_masks else "--remap none leaves masks as they are"
            raise UsageError(f"--class-map {place}: {why}; leave it out")
        return Tables(request.rules, None)
    if place is None:
        raise UsageError(
            f"{layout.root / (layout.masks.folder if layout.masks else '')}: here are masks, and "
            "nothing says what their values mean; give --class-map FILE.csv, a table with the "
            "columns value and class, or --class-map coco or voc where the values are the ids of "
            "COCO or of Pascal VOC, or keep the values as they are with --remap none"
        )
    return Tables(request.rules, read_class_map(place))
