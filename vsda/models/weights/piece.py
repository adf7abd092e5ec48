"""A tensor of a file that is not read before it is known to fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsda.errors import WeightsError


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A tensor that a network may want, made from one tensor of a file or from several.

    So the files' gigabytes are read tensor by tensor, and what a damaged or hostile file claims to
    hold is judged by its shape first.
    """

    names: tuple[str, ...]
    """What it is made from, by the file's names."""
    shape: tuple[int, ...]
    is_floating: bool
    read: Callable[[], Tensor]
    """Returns the values."""

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Piece":
        """Return this piece with its values changed, the shape being kept."""
        return replace(self, read=lambda: change(self.read()))


Pieces = Mapping[str, Piece]
"""Pieces by name: the file's own, or the network's."""

_LONGEST = 80
"""Characters of a file's name or value that a message shows: a file may hold a megabyte."""


def shown(value: str | tuple[int, ...]) -> str:
    """Return a name or shape as Python writes it, on one line and cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def renamed(pieces: Pieces, new_name: Callable[[str], str]) -> dict[str, Piece]:
    """Return the pieces under other names.

    Raises:
        WeightsError: Two get one name.
    """
    result: dict[str, Piece] = {}
    for name, piece in pieces.items():
        new = new_name(name)
        if new in result:
            both = " and ".join(map(shown, result[new].names + piece.names))
            raise WeightsError(f"holds {both}, which are one and the same weight")
        result[new] = piece
    return result


def joined(parts: Sequence[Piece]) -> Piece:
    """Return one piece of several, one behind the other along the first dimension.

    Raises:
        WeightsError: They differ in another dimension.
    """
    names = tuple(name for part in parts for name in part.names)
    if len({part.shape[1:] for part in parts}) > 1 or not all(part.shape for part in parts):
        shapes = ", ".join(shown(part.shape) for part in parts)
        raise WeightsError(f"holds {', '.join(map(shown, names))} as {shapes}, which do not join")
    return Piece(
        names=names,
        shape=(sum(part.shape[0] for part in parts), *parts[0].shape[1:]),
        is_floating=all(part.is_floating for part in parts),
        read=lambda: torch.cat([part.read() for part in parts]),
    )
