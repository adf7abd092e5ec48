"""Our own checkpoints: {"network": state, ...}, or a state alone."""

from collections.abc import Collection

from vsda.models.network import SegmentationNetwork
from vsda.models.weights.layout import Layout
from vsda.models.weights.piece import Piece, Pieces

_CLASSIFIERS = ("decoder.conv_seg.weight", "decoder.4.weight")


def _recognises(names: Collection[str]) -> bool:
    return any(name in names for name in _CLASSIFIERS)


def _convert(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    del wanted
    return dict(pieces)


LAYOUT = Layout(
    name="weights of vsda",
    networks=(SegmentationNetwork,),
    recognises=_recognises,
    convert=_convert,
    classifiers=_CLASSIFIERS,
)
