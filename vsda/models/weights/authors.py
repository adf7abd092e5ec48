"""The layout of Swin's authors: {"state_dict": ...}, with names of an early mmsegmentation.

    backbone.layers.0.blocks.1.mlp.fc1.weight     decode_head.psp_modules.0.1.conv.weight
    backbone.layers.0.downsample.norm.weight      auxiliary_head.convs.0.conv.weight
    backbone.norm0.weight

Other layouts of the same network are first rewritten to this one.

Reference: Swin-Transformer-Semantic-Segmentation at commit 87e6f90.
"""

import re
from collections.abc import Collection

from vsda.models.swin_upernet import SwinSegmenter
from vsda.models.weights.layout import Layout
from vsda.models.weights.piece import Piece, Pieces, renamed

_BLOCK = re.compile(r"backbone\.layers\.(\d{1,3})\.blocks\.(\d+)\.(.+)")
_MERGING = re.compile(r"backbone\.layers\.(\d{1,3})\.downsample\.(.+)")
_PREFIXES = {
    "backbone.patch_embed.proj.": "encoder.features.0.0.",
    "backbone.patch_embed.norm.": "encoder.features.0.2.",
    "backbone.norm": "encoder.norm",
    "decode_head.": "decoder.",
    "auxiliary_head.": "auxiliary.",
}


def network_name(name: str) -> str:
    """Return the network's name for the authors' `name`; an unknown one comes back as it is."""
    if block := _BLOCK.fullmatch(name):
        stage, index, rest = block.groups()
        rest = rest.replace("mlp.fc1.", "mlp.0.").replace("mlp.fc2.", "mlp.3.")
        return f"encoder.features.{2 * int(stage) + 1}.{index}.{rest}"
    if merging := _MERGING.fullmatch(name):
        stage, rest = merging.groups()
        return f"encoder.features.{2 * int(stage) + 2}.{rest}"
    for prefix, ours in _PREFIXES.items():
        if name.startswith(prefix):
            return ours + name.removeprefix(prefix)
    return name


def _recognises(names: Collection[str]) -> bool:
    return "backbone.layers.0.blocks.0.attn.qkv.weight" in names


def _convert(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    del wanted
    return renamed(pieces, network_name)


LAYOUT = Layout(
    name="a Swin + UperNet in its authors' layout",
    networks=(SwinSegmenter,),
    recognises=_recognises,
    convert=_convert,
    classifiers=("decode_head.conv_seg.weight",),
)
