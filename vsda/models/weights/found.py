"""What a file of weights holds, before there is a network."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vsda.errors import VsdaError, WeightsError
from vsda.models import MODELS
from vsda.models.weights import ours
from vsda.models.weights.files import EXPECTED, read_file
from vsda.models.weights.layout import Layout
from vsda.models.weights.layouts import layout_of
from vsda.models.weights.piece import Piece, Pieces
from vsda.models.weights.settings import network_of, settings_of
from vsda.taxonomy import ClassSet, class_set

_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before all names."""
_MOST_WRAPPERS = 4
_LONGEST = 200
_INFLATED = {"swin_upernet": ("video_swin_upernet",)}
"""What takes the weights of a network beside that network itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundWeights:
    """A file of weights that was recognised, its values as yet unread where the format allows."""

    place: str | Path
    kind: Layout
    pieces: Pieces = field(repr=False)
    """The file's tensors under its own names, without `prefix`."""
    recipe: Mapping[str, object] = field(default_factory=dict, repr=False)
    """What a file of ours was trained with; empty where it does not say."""
    prefix: str = ""
    """What all names of the file start with, and was taken off."""
    is_average: bool = False
    """Whether these are the averaged weights of a checkpoint of ours."""

    @property
    def layout(self) -> str:
        """What the file is, for people."""
        return self.kind.name

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that it can be loaded into, by the names of recipes."""
        if network := self.network:
            return network, *_INFLATED.get(network, ())
        return tuple(name for name, kind in MODELS.items() if issubclass(kind, self.kind.networks))

    @property
    def network(self) -> str | None:
        """The network of ours that wrote it; None for files of others, and where it is unknown."""
        if self.kind is not ours.LAYOUT:
            return None
        settings = self.recipe.get("network")
        name = settings.get("name") if isinstance(settings, dict) else None
        if isinstance(name, str) and name in MODELS:
            return name
        return network_of({name: piece.shape for name, piece in self.pieces.items()})

    @property
    def classes(self) -> ClassSet | None:
        """The classes that a file of ours was trained for; None where the file does not say.

        Raises:
            WeightsError: It says something else.
        """
        text = self.recipe.get("classes")
        if not isinstance(text, str):
            return None
        try:
            return class_set(text)
        except VsdaError as error:
            raise WeightsError(
                f"{self.place}: the classes that it was trained for are not known:"
                f" {str(error)[:_LONGEST]!r}; {EXPECTED}"
            ) from error

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
        prefix = (f"all names without their prefix {self.prefix!r}",) if self.prefix else ()
        average = ("the averaged weights of the run",) if self.is_average else ()
        return prefix + average + self.kind.notes

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
    prefix = _prefix_of(file.pieces)
    pieces = _without(prefix, file.pieces)
    found = FoundWeights(
        place=place,
        kind=layout_of(file.wrapper, pieces.keys()),
        pieces=pieces,
        recipe=file.recipe,
        prefix=prefix,
        is_average=file.is_average,
    )
    found.converted()
    return found


def _prefix_of(names: Collection[str]) -> str:
    """Return what wrappers, one in another or not, put before every one of `names`."""
    prefix = ""
    for _ in range(_MOST_WRAPPERS):
        longer = [prefix + more for more in _PREFIXES]
        fitting = [one for one in longer if all(name.startswith(one) for name in names)]
        prefix = (fitting or [prefix])[0]
    return prefix


def _without(prefix: str, pieces: Pieces) -> dict[str, Piece]:
    return {
        name.removeprefix(prefix): replace(piece, names=(name.removeprefix(prefix),))
        for name, piece in pieces.items()
    }
