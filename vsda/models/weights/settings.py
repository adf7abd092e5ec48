"""What the shapes of weights tell about the settings of their network."""

import math
import re
from collections.abc import Mapping

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes by the network's names."""

_PATCHES = "encoder.features.0.0.weight"
_SWIN_BLOCK = re.compile(r"encoder\.features\.(\d{1,3})\.(\d+)\.attn\.relative_position_bias_table")
_RESNET_BLOCK = re.compile(r"encoder\.layer([1-4])\.(\d+)\.conv2\.weight")
_WIDTHS = {
    "decoder.conv_seg.weight": "decoder_channels",
    "decoder.4.weight": "decoder_channels",
    "encoder.layer1.0.conv2.weight": "width_per_group",
}


def settings_of(shapes: Shapes) -> dict[str, object]:
    """Return the network settings that can be told, by the names that they have in a recipe.

    Empty for an encoder of timm, whose shapes do not tell its name.
    """
    found: dict[str, object] = {}
    if _rank(shapes, _PATCHES) in (4, 5):
        found = _of_swin(shapes)
    elif "encoder.layer1.0.conv2.weight" in shapes:
        found = {"depths": _depths(shapes, _RESNET_BLOCK)}
    if not found:
        return {}
    for name, setting in _WIDTHS.items():
        if _rank(shapes, name) == 4:
            found[setting] = shapes[name][1]
    return found


def network_of(shapes: Shapes) -> str | None:
    """Return which network has these shapes, by its name in a recipe; None where none can tell."""
    if rank := _rank(shapes, _PATCHES):
        return {4: "swin_upernet", 5: "video_swin_upernet"}.get(rank)
    is_deeplab = {"encoder.layer1.0.conv2.weight", "decoder.4.weight"} <= shapes.keys()
    return "deeplabv3" if is_deeplab else None


def differences(file: Shapes, network: Shapes) -> dict[str, object]:
    """Return those of the file's settings in which `network` differs."""
    wanted = settings_of(network)
    return {
        setting: value
        for setting, value in settings_of(file).items()
        if setting in wanted and wanted[setting] != value
    }


def _of_swin(shapes: Shapes) -> dict[str, object]:
    patches = shapes[_PATCHES]
    tables = {
        int(match[1]): shapes[name]
        for name in shapes
        if (match := _SWIN_BLOCK.fullmatch(name)) and len(shapes[name]) == 2
    }
    found: dict[str, object] = {
        "embed_dim": patches[0],
        "patch_size": patches[-1],
        "depths": _depths(shapes, _SWIN_BLOCK),
        "num_heads": [tables[stage][1] for stage in sorted(tables)],
    }
    sides = {math.isqrt(rows) for rows, _ in tables.values()}
    if len(patches) == 4 and len(sides) == 1:
        found["window_size"] = (sides.pop() + 1) // 2
    return found


def _depths(shapes: Shapes, block: re.Pattern[str]) -> list[int]:
    """Return the number of blocks of each stage."""
    stages = [int(match[1]) for name in shapes if (match := block.fullmatch(name))]
    return [stages.count(stage) for stage in sorted(set(stages))]


def _rank(shapes: Shapes, name: str) -> int | None:
    return len(shapes[name]) if name in shapes else None
