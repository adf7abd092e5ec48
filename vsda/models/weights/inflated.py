"""Weights of pictures for a network of clips, piece by piece."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from vsda.models.inflate import inflate_state
from vsda.models.video_swin_upernet import VideoSwinUperNet
from vsda.models.weights.piece import Piece, Pieces

_PATCHES = "encoder.features.0.0.weight"
_TABLE = ".relative_position_bias_table"


def is_of_pictures(pieces: Pieces) -> bool:
    """Return whether `pieces`, under the network's names, are of a network of single pictures."""
    return _PATCHES in pieces and len(pieces[_PATCHES].shape) == 4


def inflate_pieces(pieces: Pieces, network: VideoSwinUperNet) -> dict[str, Piece]:
    """Return pieces of a network of pictures as those of `network`; see `vsda.models.inflate`."""
    inflated = {name: piece for name, piece in pieces.items() if _is_inflatable(name, piece)}
    shapes = inflate_state(
        {name: torch.empty(piece.shape, device="meta") for name, piece in inflated.items()}, network
    )
    return dict(pieces) | {
        name: replace(
            piece,
            shape=tuple(shapes[name].shape),
            read=partial(_inflated, name, piece.read, network),
        )
        for name, piece in inflated.items()
    }


def inflation_note(pieces: Pieces, network: VideoSwinUperNet) -> str:
    """Return what inflation does to `pieces`, which are of a network of pictures."""
    *_, side = network.window
    tables = [piece for name, piece in pieces.items() if name.endswith(_TABLE) and piece.shape]
    sides = {(math.isqrt(table.shape[0]) + 1) // 2 for table in tables} - {side}
    if sides:
        windows = ", ".join(f"{other}x{other}" for other in sorted(sides))
        return (
            f"inflated in time, position tables resized from windows of {windows} to {side}x{side}"
        )
    return "inflated in time"


def _is_inflatable(name: str, piece: Piece) -> bool:
    """Return whether inflation changes the piece; one of an odd shape stays, to be refused."""
    if name == _PATCHES:
        return True
    return name.endswith(_TABLE) and len(piece.shape) == 2 and 0 not in piece.shape


def _inflated(name: str, read: Callable[[], Tensor], network: VideoSwinUperNet) -> Tensor:
    return inflate_state({name: read().float()}, network)[name]
