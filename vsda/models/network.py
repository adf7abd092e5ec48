"""What every segmentation network of this project can do, so that training need not know which."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from vsda.errors import UsageError

Side = Literal["after-norm", "before-norm", "both"]
"""Of a tap's norm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tap:
    """A place in an encoder where a loss can look.

    Attributes:
        channels: Width C of its tokens.
        stride_px: One token covers `stride_px` x `stride_px` pixels; a map's side is that of the
            picture divided by it, rounded up.
    """

    channels: int
    stride_px: int

    def map_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (h, w) of the map of a picture of `size`, (H, W) in pixels."""
        height_px, width_px = size
        return -(-height_px // self.stride_px), -(-width_px // self.stride_px)

    def on(self, side: Side) -> "Tap":
        """Return the tap as it is on a side of its norm: on both, tokens are twice as wide."""
        return replace(self, channels=2 * self.channels) if side == "both" else self


@dataclass(frozen=True, slots=True)
class Level:
    """An encoder's features at one tap, channels last: (N, h, w, C), or (N, T, h, w, C) of clips.

    Attributes:
        raw: Before the norm that belongs to the tap.
        normed: After it; the same tensor where the network has no such norm.
    """

    raw: Tensor
    normed: Tensor

    def on(self, side: Side) -> Tensor:
        """Return the features on a side of the norm; of `both`, raw ones first, (..., 2 C)."""
        if side == "both":
            return torch.cat((self.raw, self.normed), dim=-1)
        return self.raw if side == "before-norm" else self.normed


Levels = dict[str, Level]
"""Features by tap, from shallow to deep."""


class SegmentationNetwork(nn.Module, ABC):
    """A network in two steps, so that a loss can look at what lies between them.

    Unlabelled frames are encoded as deep as a loss looks: they never reach `decode`.

    Attributes:
        num_classes: K, background included.
        taps: Where a loss can look, from shallow to deep: `patch` right after the patch embedding
            (of Transformers), then `stage1`, `stage2`...; the last one is the encoder's end.
        classifiers: Names of the layers whose shape depends on the number of classes.
        clip_frames: T of the clips (N, T, 3, H, W) that the network takes; None for a network that
            takes single pictures (N, 3, H, W).
    """

    classifiers: ClassVar[tuple[str, ...]]
    num_classes: int
    taps: Mapping[str, Tap]
    clip_frames: int | None = None

    @abstractmethod
    def encode(self, pictures: Tensor, until: str | None = None) -> Levels:
        """Return the features of `pictures` up to the tap `until`; nothing deeper is computed.

        Args:
            pictures: Normalised, (N, 3, H, W), or clips (N, t, 3, H, W) of at most T frames.
            until: The last tap wanted; None for all of them.

        Raises:
            UsageError: The network has no such tap.
        """

    @abstractmethod
    def decode(self, levels: Mapping[str, Level], size: tuple[int, int]) -> Tensor:
        """Return logits (frames, K, H, W) at `size`, (H, W) in pixels, from all levels.

        The frames of clips count singly, clip after clip.
        """

    def decode_auxiliary(self, levels: Mapping[str, Level], size: tuple[int, int]) -> Tensor | None:
        """Return the auxiliary head's logits as `decode` does, None without such a head."""
        del levels, size
        return None

    def no_weight_decay(self) -> set[str]:
        """Return the names of the parameters, besides vectors, that weight decay leaves alone.

        Those are the tables of position biases, as the Swin Transformer's authors have it. timm's
        optimisers ask a module for this.
        """
        names = (name for name, _ in self.named_parameters())
        return {name for name in names if name.endswith("relative_position_bias_table")}

    def parts_to_compile(self) -> list[nn.Module]:
        """Return the modules that encoding and decoding call, each as large as it can be.

        What a part is called with decides how often it is compiled.
        """
        return list(self.children())

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (N, K, H, W) of pictures, or (N, t, K, H, W) of clips."""
        height_px, width_px = pictures.shape[-2:]
        logits = self.decode(self.encode(pictures), (height_px, width_px))
        return logits.reshape(*pictures.shape[:-3], *logits.shape[1:])


def frame_maps(features: Tensor) -> Tensor:
    """Return (N, [T,] h, w, C) features as the maps (frames, C, h, w) that convolutions take."""
    return features.flatten(0, -4).movedim(-1, 1)


def check_tap(taps: Mapping[str, Tap], name: str | None) -> None:
    """Raise UsageError unless `name` is one of `taps`, or None."""
    if name is not None and name not in taps:
        raise UsageError(
            f"placement {name!r}: this network has {', '.join(taps)}; choose one of them, "
            f"such as adversarial.placement={next(iter(taps))}"
        )


def join_levels(parts: list[Levels]) -> Levels:
    """Return the levels of several groups of pictures as those of one group of single frames."""
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def _join(levels: list[Level]) -> Level:
    raw = torch.cat([level.raw.flatten(0, -4) for level in levels])
    if all(level.raw is level.normed for level in levels):
        return Level(raw, raw)
    return Level(raw, torch.cat([level.normed.flatten(0, -4) for level in levels]))
