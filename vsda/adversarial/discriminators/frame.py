"""The networks that guess a frame's domain from its whole map: the method's "global" placement.

Their first linear layer has a weight for each place of the map, so they are built for maps of one
size and judge no other.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from vsda.adversarial.discriminators.linear import LEAKY_SLOPE, linear_stack, to_frames


class FrameDiscriminator(nn.Module):
    """Alternating linear layers and leaky ReLUs over a frame's concatenated tokens.

    The first layer is the large one: the 8 x 8 x 768 features of Swin-T at 256 pixels are one
    vector of 49,152, so each hidden unit costs as many weights.

    Args:
        in_features: Channels C of a token.
        map_size: Height and width of the map, in tokens.
        hidden: Widths of the hidden layers; `()` makes a linear discriminator.
        slope: Of the leaky ReLU below zero.

    Reference:
        The method's discriminator for Transformers at the encoder's end, where the tokens of a
        sample are concatenated; its widths are not published.
    """

    def __init__(
        self,
        in_features: int,
        map_size: tuple[int, int],
        hidden: Sequence[int] = (64, 64),
        slope: float = LEAKY_SLOPE,
    ) -> None:
        super().__init__()
        self.map_shape = (*map_size, in_features)
        height, width = map_size
        self.layers = linear_stack(height * width * in_features, hidden, [nn.LeakyReLU(slope)])

    def forward(self, features: Tensor) -> Tensor:
        """Return one logit per frame, positive for "an image".

        Args:
            features: (N, h, w, C), or any (..., h, w, C).

        Returns:
            (N,), or (...).

        Raises:
            ValueError: The map is not of the size that this was built for.
        """
        check_map_shape(features, self.map_shape)
        logits: Tensor = self.layers(features.flatten(-3))
        return logits.squeeze(-1)


class ConvDiscriminator(nn.Module):
    """A convolution that reduces a map, then linear layers with dropout over what is left of it.

    The convolution (3 x 3, stride 2) takes the channels down to `conv_channels` and the places to a
    quarter; then come linear, dropout, ReLU for each hidden width, and the classifier. For the
    2048 x 32 x 32 features of DeepLabv3-R101 at 256 pixels that is 2.2 million weights and 0.30 G
    multiply-adds per frame, against the network's 60 G. Dropout draws from the global random stream
    and only in training.

    Args:
        in_features: Channels C of the map.
        map_size: Its height and width.
        conv_channels: To which the convolution reduces C.
        hidden: Widths of the hidden layers.
        dropout: Share of a hidden layer's units that are left out.

    Reference:
        The method's discriminator for convolutional networks; the convolution's width, kernel and
        stride, the hidden widths and the dropout are not published.
    """

    def __init__(
        self,
        in_features: int,
        map_size: tuple[int, int],
        *,
        conv_channels: int = 64,
        hidden: Sequence[int] = (64,),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.map_shape = (*map_size, in_features)
        height, width = map_size
        self.reduce = nn.Conv2d(in_features, conv_channels, 3, stride=2, padding=1)
        num_left = conv_channels * ((height + 1) // 2) * ((width + 1) // 2)
        self.layers = linear_stack(num_left, hidden, [nn.Dropout(dropout), nn.ReLU()])

    def forward(self, features: Tensor) -> Tensor:
        """Return one logit per frame, positive for "an image".

        Args:
            features: (N, h, w, C), or any (..., h, w, C).

        Returns:
            (N,), or (...).

        Raises:
            ValueError: The map is not of the size that this was built for.
        """
        check_map_shape(features, self.map_shape)
        reduced = self.reduce(to_frames(features))
        logits: Tensor = self.layers(reduced.flatten(1))
        return logits.reshape(features.shape[:-3])


def check_map_shape(features: Tensor, map_shape: tuple[int, int, int]) -> None:
    """Raise ValueError unless the last three dimensions are `map_shape`, (h, w, C)."""
    if tuple(features.shape[-3:]) != map_shape:
        height, width, channels = map_shape
        raise ValueError(
            f"discriminator: got features of shape {tuple(features.shape)}, expected maps of "
            f"{height} x {width} tokens with {channels} channels, (..., {height}, {width}, "
            f"{channels}), for which it was built; build it for the pictures' size, or judge "
            "tokens instead of whole frames"
        )
