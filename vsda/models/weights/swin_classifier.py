"""Swin Transformers that classify: torchvision's layout, the authors' and timm's.

    torchvision                        the authors ("model")               timm
    features.1.0.mlp.0.weight          layers.0.blocks.0.mlp.fc1.weight    the same
    features.2.norm.weight             layers.0.downsample.norm.weight     layers.1.downsample...
    norm.weight, head.weight           the same                            norm, head.fc.weight

They hold an encoder without the norms that segmentation has after each stage.
"""

import re
from collections.abc import Collection

from vsda.models.swin_upernet import SwinSegmenter
from vsda.models.timm_upernet import TimmUperNet
from vsda.models.weights import authors, timm_encoder
from vsda.models.weights.layout import ENCODER_ONLY, Layout
from vsda.models.weights.piece import Piece, Pieces, renamed

_MERGING = re.compile(r"layers\.([1-9]\d?)\.(downsample\..+)")
_SKIPS = {
    "norm.*": "the norm before the classifier, which segmentation does not run",
    "head.*": "the classifier of whole images",
}
_LACKS = {
    "encoder.norm*": "a classifier has no norms after its stages",
    "decoder.*": ENCODER_ONLY,
    "auxiliary.*": ENCODER_ONLY,
}


def _is_torchvisions(names: Collection[str]) -> bool:
    return "features.1.0.attn.qkv.weight" in names


def _convert_torchvisions(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    del wanted
    return renamed(pieces, lambda name: name.replace("features.", "encoder.features.", 1))


def _is_authors_or_timms(names: Collection[str]) -> bool:
    return {"layers.0.blocks.0.attn.qkv.weight", "patch_embed.proj.weight"} <= set(names)


def _convert_authors_or_timms(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    if "encoder.layers.0.blocks.0.attn.qkv.weight" in wanted:
        return timm_encoder.convert(pieces, wanted)
    is_timms = not any(name.startswith("layers.0.downsample.") for name in pieces)

    def rename(name: str) -> str:
        if is_timms and (merging := _MERGING.fullmatch(name)):
            name = f"layers.{int(merging[1]) - 1}.{merging[2]}"
        return authors.network_name(f"backbone.{name}") if _is_kept(name) else name

    return renamed(pieces, rename)


def _is_kept(name: str) -> bool:
    return name.startswith(("layers.", "patch_embed."))


TORCHVISIONS = Layout(
    name="torchvision's classifying Swin",
    networks=(SwinSegmenter,),
    recognises=_is_torchvisions,
    convert=_convert_torchvisions,
    skips=_SKIPS,
    lacks=_LACKS,
)
AUTHORS_OR_TIMMS = Layout(
    name="a classifying Swin in its authors' or timm's layout",
    networks=(SwinSegmenter, TimmUperNet),
    recognises=_is_authors_or_timms,
    convert=_convert_authors_or_timms,
    skips=_SKIPS,
    lacks=_LACKS,
)
