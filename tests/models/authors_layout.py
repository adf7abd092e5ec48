"""The layout of the authors' UperNet file, written down from their code, and a network in it.

Names and shapes are those that the authors' own classes give (Swin-Transformer-Semantic-
Segmentation at commit 87e6f90): 271 tensors for Swin-T with an auxiliary head.
"""

import torch

SWIN_T = {
    "embed_dim": 96,
    "depths": (2, 2, 6, 2),
    "num_heads": (3, 6, 12, 24),
    "window_size": 7,
    "decoder_channels": 512,
}

_RENAMED = {
    "backbone.patch_embed.proj.": "backbone.swin.embeddings.patch_embeddings.projection.",
    "backbone.patch_embed.norm.": "backbone.swin.embeddings.norm.",
    "backbone.layers.": "backbone.swin.encoder.layers.",
    ".attn.proj.": ".attention.o_proj.",
    ".attn.relative_position_bias": ".attention.relative_position_bias.relative_position_bias",
    ".norm1.": ".layernorm_before.",
    ".norm2.": ".layernorm_after.",
    ".bn.": ".batch_norm.",
    ".conv_seg.": ".classifier.",
}
"""The authors' parts of names -> those of transformers 5."""


def layout(*, num_classes, embed_dim, depths, num_heads, window_size, decoder_channels):
    """Return name -> shape of every tensor in the file's `state_dict`."""
    names = {
        "backbone.patch_embed.proj.weight": (embed_dim, 3, 4, 4),
        "backbone.patch_embed.proj.bias": (embed_dim,),
        **_norm("backbone.patch_embed.norm", embed_dim),
    }
    widths = [embed_dim * 2**stage for stage in range(len(depths))]
    for stage, width in enumerate(widths):
        names |= _norm(f"backbone.norm{stage}", width)
        for block in range(depths[stage]):
            prefix = f"backbone.layers.{stage}.blocks.{block}"
            names |= _block(prefix, width, num_heads[stage], window_size)
        if width is not widths[-1]:
            names |= _norm(f"backbone.layers.{stage}.downsample.norm", 4 * width)
            names[f"backbone.layers.{stage}.downsample.reduction.weight"] = (2 * width, 4 * width)
    return names | _heads(widths, decoder_channels, num_classes)


def _norm(prefix, width):
    return {f"{prefix}.weight": (width,), f"{prefix}.bias": (width,)}


def _linear(prefix, out_width, in_width):
    return {f"{prefix}.weight": (out_width, in_width), f"{prefix}.bias": (out_width,)}


def _block(prefix, width, heads, window):
    return {
        **_norm(f"{prefix}.norm1", width),
        f"{prefix}.attn.relative_position_bias_table": ((2 * window - 1) ** 2, heads),
        f"{prefix}.attn.relative_position_index": (window**2, window**2),
        **_linear(f"{prefix}.attn.qkv", 3 * width, width),
        **_linear(f"{prefix}.attn.proj", width, width),
        **_norm(f"{prefix}.norm2", width),
        **_linear(f"{prefix}.mlp.fc1", 4 * width, width),
        **_linear(f"{prefix}.mlp.fc2", width, 4 * width),
    }


def _conv(prefix, out_width, in_width, side):
    counts = {f"{prefix}.bn.{name}": (out_width,) for name in ("running_mean", "running_var")}
    return {
        f"{prefix}.conv.weight": (out_width, in_width, side, side),
        **_norm(f"{prefix}.bn", out_width),
        **counts,
        f"{prefix}.bn.num_batches_tracked": (),
    }


def _classifier(prefix, num_classes, width):
    return {
        f"{prefix}.conv_seg.weight": (num_classes, width, 1, 1),
        f"{prefix}.conv_seg.bias": (num_classes,),
    }


def _decode_head(widths, channels, num_classes):
    names = _classifier("decode_head", num_classes, channels)
    for index in range(4):
        names |= _conv(f"decode_head.psp_modules.{index}.1", channels, widths[-1], 1)
    for index, width in enumerate(widths[:-1]):
        names |= _conv(f"decode_head.lateral_convs.{index}", channels, width, 1)
        names |= _conv(f"decode_head.fpn_convs.{index}", channels, channels, 3)
    names |= _conv("decode_head.bottleneck", channels, widths[-1] + 4 * channels, 3)
    return names | _conv("decode_head.fpn_bottleneck", channels, len(widths) * channels, 3)


def _heads(widths, channels, num_classes):
    return {
        **_decode_head(widths, channels, num_classes),
        **_conv("auxiliary_head.convs.0", 256, widths[-2], 3),
        **_classifier("auxiliary_head", num_classes, 256),
    }


def random_state(shapes):
    """Return tensors of `shapes` with no two equal, and with variances above zero."""
    generator = torch.Generator().manual_seed(3)
    return {
        name: torch.rand(shape, generator=generator) / 2 + 0.25
        if shape
        else torch.tensor(7)  # num_batches_tracked
        for name, shape in shapes.items()
    }


def from_transformers(state, shapes):
    """Return the weights of transformers' UperNet under the authors' names.

    What transformers lacks (auxiliary head, index buffers) is random; each of its tensors is used,
    but for the norm in front of its classifier, which segmentation does not run.
    """
    left = dict(state)
    authors = {}
    for name in shapes:
        if parts := [left.pop(part) for part in _transformers_names(name) if part in left]:
            authors[name] = torch.cat(parts) if len(parts) > 1 else parts[0]
    assert set(left) == {"backbone.swin.layernorm.weight", "backbone.swin.layernorm.bias"}
    assert all(authors[name].shape == shapes[name] for name in authors)
    return random_state(shapes) | authors


def _transformers_names(name):
    """Return the names, in transformers 5, of the parts of the authors' tensor `name`."""
    if ".attn.qkv." in name:
        return [_rename(name.replace("attn.qkv", f"attention.{part}_proj")) for part in "qkv"]
    return [_rename(name)]


def _rename(name):
    for stage in range(4):
        if name.startswith(f"backbone.norm{stage}."):
            return name.replace(f"norm{stage}", f"hidden_states_norms.stage{stage + 1}")
    for theirs, ours in _RENAMED.items():
        name = name.replace(theirs, ours)
    return name
