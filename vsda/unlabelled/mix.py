"""Parts of labelled pictures over frames (ClassMix), whose labels are known and not guessed."""

import torch
from torch import Tensor
from torch.nn import functional

_VALUES = 256  # of a mask's bytes


def drawn_pixels(masks: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
    """Return which pixels belong to the half of each mask's classes that is drawn.

    Half is rounded up, but never all of them: something of the frame is to be seen.

    Args:
        masks: (N, ...) uint8 in [0, K) or `IGNORE_INDEX`, which is never drawn.
        num_classes: K, background included, which is a class like others.
        generator: Source of the draws, on any device.

    Returns:
        Bool, shaped as `masks`.

    Reference:
        Olsson et al., ClassMix: Segmentation-Based Data Augmentation for Semi-Supervised Learning,
        2021; for adaptation Tranheden et al., DACS, 2021.
    """
    labels = masks.flatten(1).long()
    present = torch.zeros(len(masks), _VALUES, dtype=torch.bool, device=masks.device)
    present = present.scatter(1, labels, True)[:, :num_classes]
    count = present.sum(dim=1)
    half = torch.minimum((count + 1) // 2, count - 1)
    draws = torch.rand(present.shape, generator=generator, device=generator.device)
    order = draws.to(masks.device).where(present, 2.0).argsort(dim=1).argsort(dim=1)
    drawn = functional.pad(order < half[:, None], (0, _VALUES - num_classes))
    return drawn.gather(1, labels).reshape(masks.shape)


def pasted(over: Tensor, under: Tensor, pixels: Tensor) -> Tensor:
    """Return `under` with `over` in its place where `pixels` is true.

    Args:
        over: Of the labelled picture, (N, [1 or T,] [3,] H, W): one of a clip goes over all frames.
        under: Of the frame, (N, [T,] [3,] H, W).
        pixels: (N, [1 or T,] H, W) bool.
    """
    if under.dim() > pixels.dim():  # colours
        pixels = pixels.unsqueeze(-3)
    return torch.where(pixels, over, under)
