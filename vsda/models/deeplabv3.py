"""DeepLabv3 on a dilated ResNet, the reference paper's convolutional network.

Encoder and decoder are torchvision's own parts, so the same weights give the same logits. The names
of torchvision's `deeplabv3_resnet101` become ours by their prefixes:

    backbone.                encoder.
    classifier.              decoder.              (decoder.4 is the classifier)
    aux_classifier.0.        auxiliary.convs.0.conv.
    aux_classifier.1.        auxiliary.convs.0.bn.
    aux_classifier.4.        auxiliary.conv_seg.

Reference: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.segmentation.deeplabv3 import ASPP

from vsda.errors import UsageError
from vsda.models.batch_norm import check_batch
from vsda.models.fcn_head import FcnHead
from vsda.models.network import Level, Levels, SegmentationNetwork, Tap, check_tap, frame_maps
from vsda.models.upernet import resize

ATROUS_RATES = (12, 24, 36)
"""Dilations of the decoder's parallel convolutions at stride 8, as in torchvision."""
_TAP_OF_LAYER = {f"layer{index}": f"stage{index}" for index in range(1, 5)}
_TAPS = {
    "stage1": Tap(channels=256, stride_px=4),
    "stage2": Tap(channels=512, stride_px=8),
    "stage3": Tap(channels=1024, stride_px=8),
    "stage4": Tap(channels=2048, stride_px=8),
}


class DeepLabv3(SegmentationNetwork):
    """Dilated ResNet with atrous spatial pyramid pooling; the defaults are the paper's R101.

    Images are expected normalised with ImageNet's mean and deviation. Any height and width will do.
    The stages end in a ReLU, not in a norm: `raw` and `normed` of a level are one tensor.

    Args:
        num_classes: K, background included.
        depths: Number of blocks of each of the four stages.
        width_per_group: Width inside the first stage's blocks; they end 256 wide whatever it is.
        decoder_channels: Width of the decoder.
        auxiliary: Whether there is a second head, on the last but one stage, to train with.

    Raises:
        UsageError: The stages are not four, or one is empty.
    """

    classifiers: ClassVar[tuple[str, ...]] = ("decoder.4", "auxiliary.conv_seg")

    def __init__(
        self,
        *,
        num_classes: int,
        depths: Sequence[int] = (3, 4, 23, 3),
        width_per_group: int = 64,
        decoder_channels: int = 256,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        if len(depths) != len(_TAPS) or min(depths) < 1:
            raise UsageError(
                f"depths={list(depths)}: expected four positive numbers, the blocks of each stage"
                " of a ResNet, such as [3, 4, 23, 3]"
            )
        self.num_classes = num_classes
        self.taps = dict(_TAPS)
        self.encoder = _encoder(depths, width_per_group)
        self.decoder = _decoder(_TAPS["stage4"].channels, decoder_channels, num_classes)
        self.auxiliary = FcnHead(_TAPS["stage3"].channels, num_classes) if auxiliary else None

    def encode(self, pictures: Tensor, until: str | None = None) -> Levels:
        """Return the levels of `pictures` (N, 3, H, W), each (N, h, w, C), up to `until`."""
        check_tap(self.taps, until)
        levels: Levels = {}
        maps = pictures
        for name, layer in self.encoder.named_children():
            maps = layer(maps)
            if tap := _TAP_OF_LAYER.get(name):
                tokens = maps.movedim(1, -1)
                levels[tap] = Level(tokens, tokens)
            if until in levels:
                break
        return levels

    def decode(self, levels: Mapping[str, Level], size: tuple[int, int]) -> Tensor:
        """Return logits (N, K, H, W), bilinearly upsampled to `size`, (H, W) in pixels.

        Raises:
            UsageError: A batch of one while batch normalisation is training.
        """
        maps = frame_maps(levels["stage4"].normed)
        check_batch(self.decoder, maps.shape[0], "DeepLabv3")
        return resize(self.decoder(maps), size)

    def decode_auxiliary(self, levels: Mapping[str, Level], size: tuple[int, int]) -> Tensor | None:
        """Return the auxiliary head's logits as `decode` does, None without such a head."""
        if self.auxiliary is None:
            return None
        return resize(self.auxiliary(frame_maps(levels["stage3"].normed)), size)

    def parts_to_compile(self) -> list[nn.Module]:
        """Return the modules that encoding and decoding call: the encoder's layers one by one."""
        _, *heads = self.children()
        return [*self.encoder.children(), *heads]


def _encoder(depths: Sequence[int], width_per_group: int) -> nn.Sequential:
    """Return a ResNet of stride 8 under torchvision's names, without pooling and classifier."""
    resnet = ResNet(
        Bottleneck,
        list(depths),
        num_classes=1,
        width_per_group=width_per_group,
        replace_stride_with_dilation=[False, True, True],
    )
    return nn.Sequential(OrderedDict(list(resnet.named_children())[:-2]))


def _decoder(in_channels: int, channels: int, num_classes: int) -> nn.Sequential:
    """Return the layers of torchvision's DeepLabHead, which has no setting for its width."""
    return nn.Sequential(
        ASPP(in_channels, ATROUS_RATES, channels),
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, num_classes, kernel_size=1),
    )
