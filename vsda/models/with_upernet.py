"""What the networks share that decode with UperNet, whatever their encoder."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from vsda.models.fcn_head import FcnHead
from vsda.models.network import Level, SegmentationNetwork, Tap, frame_maps
from vsda.models.upernet import UperNet, resize


class WithUperNet(SegmentationNetwork):
    """A network whose stages UperNet decodes, frame by frame."""

    classifiers: ClassVar[tuple[str, ...]] = ("decoder.conv_seg", "auxiliary.conv_seg")

    def add_heads(self, num_classes: int, *, channels: int, auxiliary: bool) -> None:
        """Give the network its decoder, `channels` wide, and an auxiliary head if wanted."""
        *_, before_last, _ = widths = stage_widths(self.taps)
        self.num_classes = num_classes
        self.decoder = UperNet(widths, num_classes, channels=channels)
        self.auxiliary = FcnHead(before_last, num_classes) if auxiliary else None

    def decode(self, levels: Mapping[str, Level], size: tuple[int, int]) -> Tensor:
        """Return logits (frames, K, H, W), bilinearly upsampled to `size`, (H, W) in pixels."""
        return resize(self.decoder(_stage_maps(levels)), size)

    def decode_auxiliary(self, levels: Mapping[str, Level], size: tuple[int, int]) -> Tensor | None:
        """Return the auxiliary head's logits as `decode` does, None without such a head."""
        if self.auxiliary is None:
            return None
        return resize(self.auxiliary(_stage_maps(levels)[-2]), size)


def stage_widths(taps: Mapping[str, Tap]) -> tuple[int, ...]:
    """Return the channels of the stages, finest first."""
    return tuple(tap.channels for name, tap in taps.items() if name != "patch")


def _stage_maps(levels: Mapping[str, Level]) -> list[Tensor]:
    """Return the normalised maps (frames, C_i, h_i, w_i) of the stages, finest first."""
    return [frame_maps(level.normed) for name, level in levels.items() if name != "patch"]
