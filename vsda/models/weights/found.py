"""What a file of weights holds, before there is a network."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from vsda.errors import WeightsError
from vsda.models import MODELS
from vsda.models.weights.files import EXPECTED, read_file
from vsda.models.weights.layout import Layout
from vsda.models.weights.layouts import layout_of
from vsda.models.weights.piece import Piece, Pieces
from vsda.models.weights.settings import settings_of


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundWeights:
    """A file of weights that was recognised, its values as yet unread where the format allows."""

    place: str | Path
    kind: Layout
    pieces: Pieces = field(repr=False)
    """The file's tensors under its own names."""

    @property
    def layout(self) -> str:
        """What the file is, for people."""
        return self.kind.name

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that it can be loaded into, by the names of recipes."""
        return tuple(name for name, kind in MODELS.items() if issubclass(kind, self.kind.networks))

    @property
    def num_values(self) -> int:
        """How many numbers it holds."""
        return sum(math.prod(piece.shape) for piece in self.pieces.values())

    @property
    def num_classes(self) -> int | None:
        """Number of segmentation classes; None for an encoder."""
        found = [self.pieces[name] for name in self.kind.classifiers if name in self.pieces]
        return found[0].shape[0] if found and found[0].shape else None

    @property
    def settings(self) -> dict[str, object]:
        """What the shapes tell about the network, by the names of a recipe's settings."""
        return settings_of({name: piece.shape for name, piece in self.converted().items()})

    @property
    def notes(self) -> tuple[str, ...]:
        """What else to know before numbers of the file's origin are compared."""
        return self.kind.notes

    def converted(self, wanted: Collection[str] = ()) -> dict[str, Piece]:
        """Return the pieces under the names of a network, `wanted` where it is known.

        Raises:
            WeightsError: Two are one and the same weight.
        """
        try:
            return self.kind.convert(self.pieces, wanted)
        except WeightsError as error:
            raise WeightsError(f"{self.place}: {error}; {EXPECTED}") from error


def read_weights(place: str | Path) -> FoundWeights:
    """Return what the file at a path or URL holds.

    Raises:
        VsdaError: There is no such file.
        WeightsError: It is damaged, or holds no tensors by name.
    """
    file = read_file(place)
    kind = layout_of(file.wrapper, file.pieces.keys())
    found = FoundWeights(place=place, kind=kind, pieces=file.pieces)
    found.converted()
    return found
