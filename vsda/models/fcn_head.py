"""The auxiliary head: a small second classifier, on an earlier stage, that only training uses.

The parameters have the names that mmsegmentation's `auxiliary_head.` has.

Reference: Long et al., "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015.
"""

from torch import Tensor, nn

from vsda.models.upernet import conv_block


class FcnHead(nn.Module):
    """One map of an encoder -> logits of the same size.

    Args:
        in_channels: Width of the map.
        num_classes: K, background included.
        channels: Width of the one hidden layer.
        dropout: Share of channels dropped before the classifier while training.
    """

    def __init__(
        self, in_channels: int, num_classes: int, *, channels: int = 256, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.convs = nn.Sequential(conv_block(in_channels, channels, 3))
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = nn.Conv2d(channels, num_classes, kernel_size=1)
        nn.init.normal_(self.conv_seg.weight, std=0.01)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, K, h, w) of `features` (N, C, h, w)."""
        logits: Tensor = self.conv_seg(self.dropout(self.convs(features)))
        return logits
