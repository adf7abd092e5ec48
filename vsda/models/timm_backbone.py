"""Encoders of timm by name: made without weights, for pictures of any size where they can be."""

import difflib
import inspect
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from torch import nn

from vsda.errors import UsageError
from vsda.models.network import Tap

Options = Mapping[str, str | int | float | bool]

_NUM_LEVELS = 4
_MIN_STRIDE_PX = 4
_ANY_SIZE = {"dynamic_img_size": True, "strict_img_size": False}
"""What makes timm's Transformers take pictures of any size, each for those that know the word."""
_FROM_FILES = "weights come from files, see the recipe's `init`"
_NOT_OPTIONS = {
    "pretrained": _FROM_FILES,
    "pretrained_cfg": _FROM_FILES,
    "pretrained_cfg_overlay": _FROM_FILES,
    "checkpoint_path": _FROM_FILES,
    "cache_dir": _FROM_FILES,
    "num_classes": "the encoder has no classifier",
    "in_chans": "pictures have three channels",
    "features_only": "the setting `stages` chooses the levels",
    "out_indices": "the setting `stages` chooses the levels",
    "drop_path_rate": "it is a setting of the network itself",
}
_REFUSALS = (TypeError, ValueError, AssertionError, RuntimeError, LookupError, AttributeError)
"""What timm's constructors raise for options that they do not know or cannot take."""


def create_backbone(name: str, options: Options, *, drop_path_rate: float) -> Any:
    """Return timm's module called `name`, without classifier and with random weights.

    Args:
        name: As in `timm.list_models()`.
        options: More arguments of `timm.create_model`.
        drop_path_rate: Stochastic depth of the last block.

    Raises:
        UsageError: timm has no such model, or the model no such options.
    """
    _check_name(name)
    for option in sorted(options.keys() & _NOT_OPTIONS.keys()):
        raise UsageError(f"options.{option} is not for setting here: {_NOT_OPTIONS[option]}")
    with torch.device("meta"):  # only to see what its constructor takes
        parameters = inspect.signature(type(_create(name, options))).parameters
    if drop_path_rate and "drop_path_rate" not in parameters:
        raise UsageError(
            f"drop_path_rate={drop_path_rate}: backbone {name!r} has no stochastic depth; set it"
            " to 0"
        )
    known = {"drop_path_rate": drop_path_rate, **_ANY_SIZE, **options}
    return _create(name, {key: known[key] for key in known if key in parameters or key in options})


def end_stage(backbone: Any, name: str, end: str) -> None:
    """Leave out what follows the layer `end` of `backbone` within the same stage.

    Files exist that lack the end of a network, and a layer of random weights at its end would hide
    what the others know.

    Args:
        backbone: A module of timm's, which is changed.
        name: Its name.
        end: Name of a layer, such as `blocks.4.0`.

    Raises:
        UsageError: There is no such layer, or it is not one of a row of layers inside of a stage.
    """
    parts = dict(backbone.named_modules())
    stages = [level["module"] for level in backbone.feature_info]
    row = parts.get(end.rpartition(".")[0])
    is_inside = any(end.startswith(f"{stage}.") for stage in stages)
    if end not in parts or not is_inside or not isinstance(row, nn.Sequential):
        layers = [layer for layer in parts if layer.startswith(f"{stages[-1]}.")]
        near = difflib.get_close_matches(end, layers, n=1, cutoff=0)
        hint = f", such as {near[0]!r}" if near else ""
        raise UsageError(
            f"end={end!r}: expected a layer that is one of a row inside of a stage of backbone"
            f" {name!r}{hint}; its stages are {', '.join(stages)}"
        )
    layers_kept = [key for key, _ in row.named_children()].index(end.rpartition(".")[2]) + 1
    del row[layers_kept:]


def own_size(backbone: Any, options: Options) -> tuple[int, int] | None:
    """Return the (H, W) in pixels that `backbone` is bound to, None if it takes any size."""
    embedding = getattr(backbone, "patch_embed", None)
    if not getattr(embedding, "strict_img_size", True):
        return None
    facts = backbone.pretrained_cfg
    if not facts.get("fixed_input_size"):
        return None
    if side_px := options.get("img_size"):
        return int(side_px), int(side_px)
    _, height_px, width_px = facts["input_size"]
    return height_px, width_px


def feature_taps(backbone: Any) -> list[Tap]:
    """Return the feature levels that timm lists for `backbone`, from shallow to deep."""
    return [
        Tap(channels=int(level["num_chs"]), stride_px=int(level["reduction"]))
        for level in backbone.feature_info
    ]


def choose_stages(name: str, levels: Sequence[Tap], stages: Sequence[int]) -> tuple[int, ...]:
    """Return which of `levels` the network uses: `stages`, or the default if that is empty.

    The default is the last four strides from 4 on, of each the deepest level; four evenly spaced
    levels if all have one stride, as in a plain Transformer.

    Raises:
        UsageError: Fewer than two, not from shallow to deep, or not there.
    """
    chosen = tuple(stages) or _default_stages(levels)
    in_order = all(first < second for first, second in itertools.pairwise(chosen))
    if len(chosen) < 2 or not in_order or chosen[0] < 0 or chosen[-1] >= len(levels):
        listed = ", ".join(
            f"{index}: {level.channels} channels at stride {level.stride_px}"
            for index, level in enumerate(levels)
        )
        raise UsageError(
            f"stages={list(chosen)}: expected two or more feature levels of backbone {name!r}, from"
            f" shallow to deep; it has {listed}"
        )
    return chosen


def _default_stages(levels: Sequence[Tap]) -> tuple[int, ...]:
    if len({level.stride_px for level in levels}) == 1:
        spaced = (len(levels) * quarter // _NUM_LEVELS - 1 for quarter in range(1, 5))
        return tuple(sorted({index for index in spaced if index >= 0}))
    deepest = {level.stride_px: index for index, level in enumerate(levels)}
    coarse = sorted(index for stride_px, index in deepest.items() if stride_px >= _MIN_STRIDE_PX)
    return tuple(coarse[-_NUM_LEVELS:])


def _check_name(name: str) -> None:
    # timm would take hf-hub:... and local-dir:... for addresses of weights.
    known = timm.list_models()
    if name in known:
        return
    near = difflib.get_close_matches(name.partition(".")[0], known, n=5)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise UsageError(
        f"unknown timm backbone {name!r}. {hint}Expected one of the {len(known)} names of"
        " timm.list_models(), without a tag of weights"
    )


def _create(name: str, options: Options) -> Any:
    arguments: dict[str, Any] = {"pretrained": False, "num_classes": 0, **options}
    try:
        return timm.create_model(name, **arguments)
    except _REFUSALS as error:
        raise UsageError(
            f"backbone {name!r}: timm's create_model cannot take options={dict(options)}"
            f" ({type(error).__name__}: {error}); choose options that this backbone has"
        ) from error
