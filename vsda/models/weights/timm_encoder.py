"""Classifiers under the names that timm or torchvision give them: an encoder and what follows it.

Below `encoder.` the networks that take them have the same names.
"""

from collections.abc import Collection

import timm
import torch

from vsda.models.deeplabv3 import DeepLabv3
from vsda.models.timm_upernet import TimmUperNet
from vsda.models.weights.layout import ENCODER_ONLY, Layout
from vsda.models.weights.piece import Piece, Pieces, renamed

_LACKS = {"decoder.*": ENCODER_ONLY, "auxiliary.*": ENCODER_ONLY}


def convert(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    """Return the pieces below `encoder.`, those that the encoder lacks under their own names."""
    kept = {name for name in pieces if not wanted or f"encoder.{name}" in wanted}
    return renamed(pieces, lambda name: f"encoder.{name}" if name in kept else name)


def _is_resnet(names: Collection[str]) -> bool:
    return {"conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight"} <= set(names)


RESNET = Layout(
    name="a classifying ResNet in torchvision's or timm's layout",
    networks=(DeepLabv3, TimmUperNet),
    recognises=_is_resnet,
    convert=convert,
    skips={"fc.*": "the classifier of whole images"},
    lacks=_LACKS,
)
ANY = Layout(
    name="a classifier in timm's layout, or a layout that is not known",
    networks=(TimmUperNet,),
    recognises=bool,
    convert=convert,
    lacks=_LACKS,
)


def names_behind(network: TimmUperNet) -> dict[str, str]:
    """Return the names of timm's whole classifier -> why those that `network` lacks go unread."""
    with torch.device("meta"):  # names cost no memory
        whole = timm.create_model(network.backbone, pretrained=False).state_dict().keys()
    return dict.fromkeys(whole, "behind the last stage that the network reads")
