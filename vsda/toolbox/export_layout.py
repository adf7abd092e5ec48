"""What every layout of an export does: take samples one by one, then write its lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vsda.sample import Sample
from vsda.toolbox.export_target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What a layout is told when it starts.

    Attributes:
        target: Where its files go.
        split: Name of the split in the layout; None for the one that each sample has.
        first_image_id: The smallest number that no COCO image of the sets has.
    """

    target: Target
    split: str | None
    first_image_id: int

    def split_of(self, sample: Sample) -> str:
        """Return the split in which the layout lists a sample."""
        return self.split or sample.facts.split


class Layout(Protocol):
    """Samples in, files out."""

    @property
    def num_segments(self) -> int:
        """Regions or objects that the layout has listed so far."""

    def add(self, sample: Sample, settings: Mapping[str, Any], where: str) -> bool:
        """Write the files of a sample; return False where the layout has no place for it.

        Args:
            sample: A frame whose names are checked.
            settings: Those of its set.
            where: The set and the key, for messages.
        """

    def finish(self) -> None:
        """Write the lists, once all samples are there."""

    def notes(self) -> list[str]:
        """Return what the user should know of what the layout could not take."""

    def close(self) -> None:
        """Give back what the layout holds, also after an error."""
