"""Any encoder of timm + UperNet.

Below `encoder.` the parameters have timm's own names, so that timm's files load by that prefix. A
file holds more than the network: its classifier and what else lies behind the deepest level.

timm's Swin rolls its windows before it pads them and so differs from the authors' at most sizes;
the reference paper's network is `swin_upernet`.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from timm.layers.format import Format
from timm.layers.patch_embed import PatchEmbed
from torch import Tensor, nn
from torch.nn import functional

from vsda.errors import UsageError
from vsda.models.network import Level, Levels, Tap, check_tap
from vsda.models.timm_backbone import (
    Options,
    choose_stages,
    create_backbone,
    end_stage,
    feature_taps,
    own_size,
)
from vsda.models.with_upernet import WithUperNet
from vsda.stream.transforms import IMAGE_MEAN, IMAGE_STD

_CONTAINERS = (nn.Sequential, nn.ModuleList)
"""What timm's encoders call either as a whole or part by part."""


class TimmUperNet(WithUperNet):
    """An encoder of timm with a UperNet decoder.

    Pictures of any height and width will do, unless the backbone is bound to one size, which then
    is an option (`img_size`). Zeros below and to the right fill a picture up to whole cells of the
    deepest level. The stages are timm's features without norm, so that `raw` and `normed` are one
    tensor. Only backbones with timm's `PatchEmbed`, such as Swin and ViT, have the tap `patch`; no
    positions are added there yet.

    Args:
        num_classes: K, background included.
        backbone: Its name in timm, without a tag of weights.
        stages: Which of timm's feature levels become `stage1`, `stage2`..., counted from 0, from
            shallow to deep; two or more. Empty for the last four of stride 4 or more, and for four
            evenly spaced blocks of an encoder whose levels all have one stride.
        end: The last layer of its stage to keep, by timm's name; empty for all of them.
        normalisation: What the encoder was trained on: `imagenet` for pictures without ImageNet's
            mean and deviation, `symmetric` for values from -1 to 1. The network itself takes
            the former, as all do, and turns them into the latter.
        drop_path_rate: Chance that the last block of the encoder is skipped for an image while
            training.
        decoder_channels: Width of the decoder.
        auxiliary: Whether there is a second head, on the last but one stage, to train with.
        options: More arguments of timm's `create_model`.

    Raises:
        UsageError: timm has no such backbone, or the backbone not these stages or options.
    """

    def __init__(  # noqa: PLR0913  (these names are the keys of a recipe's model table)
        self,
        *,
        num_classes: int,
        backbone: str = "convnext_tiny",
        stages: Sequence[int] = (),
        end: str = "",
        normalisation: Literal["imagenet", "symmetric"] = "imagenet",
        drop_path_rate: float = 0.0,
        decoder_channels: int = 512,
        auxiliary: bool = False,
        options: Options | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.encoder: Any = create_backbone(backbone, options or {}, drop_path_rate=drop_path_rate)
        if end:
            end_stage(self.encoder, backbone, end)
        self.is_symmetric = normalisation == "symmetric"
        self.size_px = own_size(self.encoder, options or {})
        known = feature_taps(self.encoder)
        self.stages = choose_stages(backbone, known, stages)
        # What lies behind the deepest stage would be dead weight, without a gradient.
        self.encoder.prune_intermediate_layers(list(self.stages), prune_norm=True)
        self.taps = _patch_tap(self.encoder) | {
            f"stage{number}": known[index] for number, index in enumerate(self.stages, start=1)
        }
        self.add_heads(num_classes, channels=decoder_channels, auxiliary=auxiliary)

    def encode(self, pictures: Tensor, until: str | None = None) -> Levels:
        """Return the levels of `pictures` (N, 3, H, W), each (N, h, w, C), up to `until`.

        Raises:
            UsageError: The network has no such tap, or the backbone is bound to another size.
        """
        check_tap(self.taps, until)
        # Before anything is filled up with zeros: they are then what they were in its training.
        filled = self._fill_up(_to_symmetric(pictures) if self.is_symmetric else pictures)
        with _recorded_patch(self.encoder, filled) as levels:
            maps = self._run(filled, until)
        for number, tokens in enumerate((map_.movedim(1, -1) for map_ in maps), start=1):
            levels[f"stage{number}"] = Level(tokens, tokens)
        self._check_maps(levels, filled)
        height_px, width_px = pictures.shape[-2:]
        sizes = {name: self.taps[name].map_size((height_px, width_px)) for name in levels}
        return {name: _crop(level, *sizes[name]) for name, level in levels.items()}

    def no_weight_decay(self) -> set[str]:
        """Return the names of the parameters that timm keeps from decaying in this encoder."""
        kept: set[str] = getattr(self.encoder, "no_weight_decay", set)()
        return super().no_weight_decay() | {f"encoder.{name}" for name in kept}

    def parts_to_compile(self) -> list[nn.Module]:
        """Return the modules that encoding and decoding call: timm's layers one by one.

        The patch embedding stays as it is: what looks into it changes from call to call.
        """
        layers = [layer for name, layer in self.encoder.named_children() if name != "patch_embed"]
        inner = [part for layer in layers if isinstance(layer, _CONTAINERS) for part in layer]
        _, *heads = self.children()
        return [*layers, *inner, *heads]

    def _fill_up(self, pictures: Tensor) -> Tensor:
        """Return `pictures` with zeros below and to the right, up to whole cells of all levels.

        It is the same for every `until`, so that a level does not depend on how deep one looks.
        """
        if self.size_px == pictures.shape[-2:]:
            return pictures
        stride_px = math.lcm(*(tap.stride_px for tap in self.taps.values()))
        bottom_px, right_px = (-side_px % stride_px for side_px in pictures.shape[-2:])
        filled = functional.pad(pictures, (0, right_px, 0, bottom_px))
        height_px, width_px = filled.shape[-2:]
        if self.size_px is not None and self.size_px != (height_px, width_px):
            raise UsageError(
                f"backbone {self.backbone!r} takes pictures of {_by(self.size_px)} px only, got"
                f" {_by((height_px, width_px))} (filled up to multiples of {stride_px}); set the"
                " network's options.img_size to the side, or choose a backbone for any size"
            )
        return filled

    def _run(self, filled: Tensor, until: str | None) -> list[Tensor]:
        """Return the maps (N, C_i, h_i, w_i) of the stages; no layer behind `until` is run."""
        if until == "patch":
            self.encoder.patch_embed(filled)
            return []
        names = [name for name in self.taps if name != "patch"]
        maps: list[Tensor] = self.encoder.forward_intermediates(
            filled,
            indices=list(self.stages[: names.index(until or names[-1]) + 1]),
            stop_early=True,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        return maps

    def _check_maps(self, levels: Levels, filled: Tensor) -> None:
        height_px, width_px = filled.shape[-2:]
        for name, level in levels.items():
            tap = self.taps[name]
            expected = (*tap.map_size((height_px, width_px)), tap.channels)
            if level.raw.shape[1:] != expected:
                raise UsageError(
                    f"backbone {self.backbone!r} gives {tuple(level.raw.shape[1:])} at {name}, but"
                    f" timm states {expected} (rows, columns, channels); choose other stages or"
                    " another backbone"
                )


def _to_symmetric(pictures: Tensor) -> Tensor:
    """Return normalised `pictures` (N, 3, H, W) as RGB from -1 to 1."""
    mean, std = (
        torch.tensor(values, dtype=pictures.dtype, device=pictures.device).view(3, 1, 1)
        for values in (IMAGE_MEAN, IMAGE_STD)
    )
    return pictures * (2 * std) + (2 * mean - 1)


def _patch_tap(encoder: Any) -> dict[str, Tap]:
    """Return the tap of the patch embedding, nothing where it cannot be looked at."""
    embedding = getattr(encoder, "patch_embed", None)
    if not isinstance(embedding, PatchEmbed) or not _is_channels_last(embedding):
        return {}
    return {"patch": Tap(channels=embedding.proj.out_channels, stride_px=embedding.patch_size[0])}


def _is_channels_last(embedding: Any) -> bool:
    return embedding.flatten or embedding.output_fmt in {Format.NHWC, Format.NLC}


@contextmanager
def _recorded_patch(encoder: Any, filled: Tensor) -> Iterator[Levels]:
    """Yield levels that gain `patch` once `encoder` embeds `filled`, if it has that tap.

    timm's features begin behind the embedding; a hook sees it without running it twice.
    """
    levels: Levels = {}
    taps = _patch_tap(encoder)
    if not taps:
        yield levels
        return
    height_px, width_px = filled.shape[-2:]
    grid = taps["patch"].map_size((height_px, width_px))

    def record(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        (before,) = inputs
        raw = before.reshape(filled.shape[0], *grid, -1)  # (N, h*w, C) -> (N, h, w, C)
        # A patch embedding without norm has an identity there, which returns what it is given.
        levels["patch"] = Level(raw, raw if output is before else output.reshape(raw.shape))

    handle = encoder.patch_embed.norm.register_forward_hook(record)
    try:
        yield levels
    finally:
        handle.remove()


def _crop(level: Level, height: int, width: int) -> Level:
    raw = level.raw[:, :height, :width]
    return Level(raw, raw if level.normed is level.raw else level.normed[:, :height, :width])


def _by(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]}x{size_px[1]}"
