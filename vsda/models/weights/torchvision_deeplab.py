"""torchvision's DeepLabv3 on a ResNet: `backbone.`, `classifier.` and `aux_classifier.`."""

from collections.abc import Collection

from vsda.models.deeplabv3 import DeepLabv3
from vsda.models.weights.layout import Layout, rewriter
from vsda.models.weights.piece import Piece, Pieces, renamed

_network_name = rewriter(
    [
        (r"^backbone\.", "encoder."),
        (r"^classifier\.", "decoder."),
        (r"^aux_classifier\.0\.", "auxiliary.convs.0.conv."),
        (r"^aux_classifier\.1\.", "auxiliary.convs.0.bn."),
        (r"^aux_classifier\.4\.", "auxiliary.conv_seg."),
    ]
)


def _recognises(names: Collection[str]) -> bool:
    return {"backbone.layer1.0.conv1.weight", "classifier.0.project.0.weight"} <= set(names)


def _convert(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    del wanted
    return renamed(pieces, _network_name)


LAYOUT = Layout(
    name="torchvision's DeepLabv3",
    networks=(DeepLabv3,),
    recognises=_recognises,
    convert=_convert,
    classifiers=("classifier.4.weight",),
)
