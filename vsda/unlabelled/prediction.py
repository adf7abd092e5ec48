"""What a network says of frames, and how sure it is."""

import torch
from torch import Tensor

from vsda.models.batch_norm import Statistics, batch_norm_statistics
from vsda.models.network import Levels, SegmentationNetwork
from vsda.stream.transforms import normalise


def predicted(
    network: SegmentationNetwork,
    pictures: Tensor,
    statistics: Statistics,
    levels: Levels | None = None,
) -> Tensor:
    """Return logits (N, [T,] K, H, W) of pictures, or clips, (N, [T,] 3, H, W) in [0, 255].

    Args:
        network: The segmentation network, in whatever mode it is.
        pictures: Not normalised.
        statistics: Of its batch norms, see `batch_norm_statistics`.
        levels: Of the same pictures, where they were encoded already, with the same statistics.
    """
    height_px, width_px = pictures.shape[-2:]
    with batch_norm_statistics(network, statistics):
        found = network.encode(normalise(pictures)) if levels is None else levels
        logits = network.decode(found, (height_px, width_px))
    return logits.reshape(*pictures.shape[:-3], *logits.shape[1:])


def probabilities(logits: Tensor) -> Tensor:
    """Return the probabilities (..., K, H, W) of `logits`, in at least 32 bits."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return logits.softmax(dim=-3)
