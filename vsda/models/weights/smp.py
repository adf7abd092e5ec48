"""The layout of segmentation_models_pytorch's UPerNet with a Swin of timm as its encoder.

    encoder.model.layers_1.blocks.0.mlp.fc1.weight     decoder.psp.blocks.0.1.0.weight
    encoder.model.layers_1.downsample.norm.weight      decoder.fpn_lateral_blocks.0.conv_norm_relu.0
    decoder.feature_norms.0.weight                     segmentation_head.0.weight

timm counts a patch merging to the stage behind it, the authors to the one before; the levels of the
pyramid are listed from the coarsest.
"""

import re
from collections.abc import Collection

from vsda.models.swin_upernet import SwinSegmenter
from vsda.models.weights import authors
from vsda.models.weights.layout import Layout, rewriter
from vsda.models.weights.piece import Piece, Pieces, renamed

_MERGING = re.compile(r"encoder\.model\.layers_([1-9]\d?)\.downsample\.(.+)")
_LEVEL = re.compile(r"decoder\.fpn_(lateral|conv)_blocks\.(\d{1,3})\.(?:conv_norm_relu\.)?(.+)")

_authors_name = rewriter(
    [
        (r"^encoder\.model\.layers_(\d+)\.blocks\.", r"backbone.layers.\1.blocks."),
        (r"^encoder\.model\.patch_embed\.", "backbone.patch_embed."),
        (r"^decoder\.feature_norms\.(\d+)\.", r"backbone.norm\1."),
        (r"^decoder\.psp\.blocks\.(\d+)\.1\.", r"decode_head.psp_modules.\1.1."),
        (r"^decoder\.psp\.out_conv\.", "decode_head.bottleneck."),
        (r"^decoder\.fusion_block\.", "decode_head.fpn_bottleneck."),
        (r"^segmentation_head\.0\.", "decode_head.conv_seg."),
    ]
)
_head_part = rewriter(
    [
        (r"^(decode_head\.(?!conv_seg).*)\.0\.(weight)$", r"\1.conv.\2"),
        (r"^(decode_head\.(?!conv_seg).*)\.1\.(\w+)$", r"\1.bn.\2"),
    ]
)


def _recognises(names: Collection[str]) -> bool:
    return {"encoder.model.patch_embed.proj.weight", "segmentation_head.0.weight"} <= set(names)


def _convert(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    del wanted
    levels = {int(match[2]) for name in pieces if (match := _LEVEL.fullmatch(name))}
    return renamed(
        pieces, lambda name: authors.network_name(_head_part(_rename(name, max(levels, default=0))))
    )


def _rename(name: str, last_level: int) -> str:
    if merging := _MERGING.fullmatch(name):
        return f"backbone.layers.{int(merging[1]) - 1}.downsample.{merging[2]}"
    if level := _LEVEL.fullmatch(name):
        kind, number, rest = level.groups()
        return f"decode_head.{_KINDS[kind]}.{last_level - int(number)}.{rest}"
    return _authors_name(name)


_KINDS = {"lateral": "lateral_convs", "conv": "fpn_convs"}

LAYOUT = Layout(
    name="a Swin + UperNet in segmentation_models_pytorch's layout",
    networks=(SwinSegmenter,),
    recognises=_recognises,
    convert=_convert,
    classifiers=("segmentation_head.0.weight",),
    notes=(
        "segmentation_models_pytorch aligns corners when it enlarges the logits, and its encoder"
        " shifts windows before it fills them up; this network does neither, so numbers measured"
        " there do not carry over. The hub's upernet-swin files were converted from openmmlab's,"
        " which were trained the way this network computes",
    ),
)
