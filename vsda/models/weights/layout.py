"""What a layout of weight files is."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from vsda.models.network import SegmentationNetwork
from vsda.models.weights.piece import Piece, Pieces

ENCODER_ONLY = "the file holds an encoder only"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """One way in which files name and order the weights of a network."""

    name: str
    """What such a file is, for people."""
    networks: tuple[type[SegmentationNetwork], ...]
    """What it can be loaded into."""
    recognises: Callable[[Collection[str]], bool]
    """Whether a file with these names has this layout."""
    convert: Callable[[Pieces, Collection[str]], dict[str, Piece]]
    """Returns a file's pieces under the names of a network, which are the second argument; what it
    does not know keeps its name."""
    classifiers: tuple[str, ...] = ()
    """The file's names that the weight with one row per class may have; none of an encoder."""
    skips: Mapping[str, str] = field(default_factory=dict)
    """Patterns of the file's names that the network has no use for -> why."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Patterns of the network's names that no such file holds -> why."""
    notes: tuple[str, ...] = ()
    """What else to know before numbers of the file's origin are compared."""


def rewriter(rules: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    """Return a function that applies regular expressions and their replacements in order."""
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]

    def rewrite(name: str) -> str:
        for pattern, replacement in compiled:
            name = pattern.sub(replacement, name)
        return name

    return rewrite
