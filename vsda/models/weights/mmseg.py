"""The layout of mmsegmentation since 0.20: other names, and another order of patch merging.

    backbone.stages.0.blocks.1.attn.w_msa.qkv.weight     backbone.patch_embed.projection.weight
    backbone.stages.0.blocks.1.ffn.layers.0.0.weight     backbone.stages.0.downsample.norm.weight

Patch merging takes 2 x 2 cells to one. The authors join the four cells' channels one cell after the
other, first down and then right; mmsegmentation joins them as `nn.Unfold` does, channel by channel,
first right and then down. So loaded by name alone the weights fit and give wrong features.

Reference: mmsegmentation's `tools/model_converters/swin2mmseg.py` and issue 2350 of that project.
"""

from collections.abc import Collection

from torch import Tensor

from vsda.models.swin_upernet import SwinSegmenter
from vsda.models.weights import authors
from vsda.models.weights.layout import Layout, rewriter
from vsda.models.weights.piece import Piece, Pieces, renamed

_CELLS = [0, 2, 1, 3]
"""Where the authors' cells are among those of `nn.Unfold`: both begin at the upper left."""

_authors_name = rewriter(
    [
        (r"^backbone\.patch_embed\.projection\.", "backbone.patch_embed.proj."),
        (r"^backbone\.stages\.", "backbone.layers."),
        (r"^(backbone\.layers\.\d+\.blocks\.\d+\.)attn\.w_msa\.", r"\1attn."),
        (r"^(backbone\.layers\.\d+\.blocks\.\d+\.)ffn\.layers\.0\.0\.", r"\1mlp.fc1."),
        (r"^(backbone\.layers\.\d+\.blocks\.\d+\.)ffn\.layers\.1\.", r"\1mlp.fc2."),
    ]
)


def _recognises(names: Collection[str]) -> bool:
    return "backbone.stages.0.blocks.0.attn.w_msa.qkv.weight" in names


def _convert(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    del wanted
    ordered = {
        name: piece.changed(_cell_by_cell) if _is_of_merging(name, piece) else piece
        for name, piece in pieces.items()
    }
    return renamed(ordered, lambda name: authors.network_name(_authors_name(name)))


def _is_of_merging(name: str, piece: Piece) -> bool:
    return ".downsample." in name and bool(piece.shape) and piece.shape[-1] % len(_CELLS) == 0


def _cell_by_cell(weights: Tensor) -> Tensor:
    """Return (..., 4 * C) weights from the order of `nn.Unfold` in the authors'."""
    cells = weights.reshape(*weights.shape[:-1], -1, len(_CELLS)).transpose(-1, -2)  # (..., 4, C)
    return cells[..., _CELLS, :].reshape(weights.shape)


LAYOUT = Layout(
    name="a Swin + UperNet in mmsegmentation's layout",
    networks=(SwinSegmenter,),
    recognises=_recognises,
    convert=_convert,
    classifiers=("decode_head.conv_seg.weight",),
    notes=("patch merging was brought from nn.Unfold's order into the authors'",),
)
