"""What every segmentation network of this project can do, so that training need not know which."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class SegmentationNetwork(nn.Module, ABC):
    """A network in three steps, so that a loss can look at what lies between them.

    Unlabelled frames take only the steps that a loss looks at: they never reach `decode`.

    Attributes:
        num_classes: K, background included.
        embed_dim: Width C of the tokens of `patch_embed`.
        feature_channels: Widths C_i of the maps of `encode`, finest first.
        classifier: Name of the layer whose shape depends on the number of classes.
    """

    classifier: ClassVar[str]
    num_classes: int
    embed_dim: int
    feature_channels: tuple[int, ...]

    @abstractmethod
    def patch_embed(self, images: Tensor) -> Tensor:
        """Return the tokens (N, h, w, C) of `images` (N, 3, H, W), before any encoder stage."""

    @abstractmethod
    def encode(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """Return one map (N, C_i, h_i, w_i) per encoder stage, finest first."""

    @abstractmethod
    def decode(self, features: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        """Return logits (N, K, H, W) at `size`, (H, W) in pixels, from the maps of `encode`."""

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, K, H, W) for `images` (N, 3, H, W)."""
        height_px, width_px = images.shape[-2:]
        return self.decode(self.encode(self.patch_embed(images)), (height_px, width_px))
