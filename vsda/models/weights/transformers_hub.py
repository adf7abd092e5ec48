"""The layout of transformers, as on the hub (`openmmlab/upernet-swin-*`) and in memory since 5.

    hub, `save_pretrained`                             in memory since 5
    backbone.embeddings.patch_embeddings.projection.   backbone.swin.embeddings...
    backbone.encoder.layers.0.blocks.0.                backbone.swin.encoder...
        attention.self.query. .key. .value.                attention.q_proj. .k_proj. .v_proj.
        attention.self.relative_position_bias_table        attention.relative_position_bias.
                                                               relative_position_bias_table
        attention.output.dense.                            attention.o_proj.
        intermediate.dense.  output.dense.                 mlp.fc1.  mlp.fc2.
    backbone.hidden_states_norms.stage1.               the same

Queries, keys and values are three tensors where the network has one.
"""

import re
from collections.abc import Collection

from vsda.models.swin_upernet import SwinSegmenter
from vsda.models.weights import authors
from vsda.models.weights.layout import Layout, rewriter
from vsda.models.weights.piece import Piece, Pieces, joined, renamed

_HIDDEN_NORM = re.compile(r"backbone\.hidden_states_norms\.stage([1-9]\d?)\.(.+)")
_THIRDS = ("query", "key", "value")

_authors_name = rewriter(
    [
        (r"^backbone\.swin\.", "backbone."),
        (r"^backbone\.embeddings\.patch_embeddings\.projection\.", "backbone.patch_embed.proj."),
        (r"^backbone\.embeddings\.norm\.", "backbone.patch_embed.norm."),
        (r"^backbone\.encoder\.layers\.", "backbone.layers."),
        (r"(\.blocks\.\d+\.)layernorm_before\.", r"\1norm1."),
        (r"(\.blocks\.\d+\.)layernorm_after\.", r"\1norm2."),
        (r"\.attention\.(?:self|relative_position_bias)\.(relative_position_)", r".attn.\1"),
        (r"\.attention\.self\.(query|key|value)\.", r".attn.\1."),
        (r"\.attention\.q_proj\.", ".attn.query."),
        (r"\.attention\.k_proj\.", ".attn.key."),
        (r"\.attention\.v_proj\.", ".attn.value."),
        (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
        (r"(\.blocks\.\d+\.)intermediate\.dense\.", r"\1mlp.fc1."),
        (r"(\.blocks\.\d+\.)output\.dense\.", r"\1mlp.fc2."),
        (r"^((?:decode|auxiliary)_head\..*)\.batch_norm\.", r"\1.bn."),
        (r"^((?:decode|auxiliary)_head)\.classifier\.", r"\1.conv_seg."),
    ]
)


def _recognises(names: Collection[str]) -> bool:
    return "backbone.hidden_states_norms.stage1.weight" in names


def _convert(pieces: Pieces, wanted: Collection[str]) -> dict[str, Piece]:
    del wanted
    authors_pieces = _with_joined_attention(renamed(pieces, _rename))
    return renamed(authors_pieces, authors.network_name)


def _rename(name: str) -> str:
    if norm := _HIDDEN_NORM.fullmatch(name):
        return f"backbone.norm{int(norm[1]) - 1}.{norm[2]}"
    return _authors_name(name)


def _with_joined_attention(pieces: dict[str, Piece]) -> dict[str, Piece]:
    """Return the pieces with queries, keys and values, in this order, in one."""
    result = dict(pieces)
    for name in pieces:
        thirds = [name.replace(".attn.query.", f".attn.{third}.") for third in _THIRDS]
        if ".attn.query." in name and all(third in pieces for third in thirds):
            result[name.replace(".attn.query.", ".attn.qkv.")] = joined(
                [result.pop(third) for third in thirds]
            )
    return result


LAYOUT = Layout(
    name="a Swin + UperNet in transformers' layout",
    networks=(SwinSegmenter,),
    recognises=_recognises,
    convert=_convert,
    classifiers=("decode_head.classifier.weight",),
    skips={
        "backbone.swin.layernorm.*": "the norm before a classifier, which segmentation does not run"
    },
)
