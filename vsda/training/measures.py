"""What is measured now and then inside of a step, besides its losses."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vsda.taxonomy import IGNORE_INDEX


def gradient_ratio(adversarial: Tensor, segmentation: Tensor, features: Sequence[Tensor]) -> Tensor:
    """Return how strong the adversarial gradient is where it meets that of the segmentation.

    It is the quotient of two norms over `features`, those of the labelled pictures: of the gradient
    behind the reversal, and of the segmentation's. 0 means that the network does not feel the
    discriminator, 1 that it feels both alike.

    Args:
        adversarial: The adversarial term of the objective.
        segmentation: The others.
        features: All that lies between the two losses and the layers below them. Where nothing
            below learns the ratio is 0.
    """
    features = [feature for feature in features if feature.requires_grad]
    if not features:
        return adversarial.new_zeros(())
    norms = [_gradient_norm(loss, features) for loss in (adversarial, segmentation)]
    return norms[0] / norms[1]


def _gradient_norm(loss: Tensor, features: Sequence[Tensor]) -> Tensor:
    found = torch.autograd.grad(loss, features, retain_graph=True, allow_unused=True)
    squares = [gradient.float().square().sum() for gradient in found if gradient is not None]
    return torch.stack(squares).sum().sqrt() if squares else loss.new_zeros(())


def batch_mean_iou(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the mean IoU over the classes that a batch of masks holds, nan if it holds none.

    Args:
        logits: (N, K, H, W).
        masks: (N, H, W) int64 in [0, K) or `IGNORE_INDEX`.
    """
    num_classes = logits.shape[1]
    labelled = masks != IGNORE_INDEX
    pairs = masks * num_classes + logits.argmax(dim=1)
    counts = torch.bincount(pairs[labelled], minlength=num_classes**2)
    confusion = counts.reshape(num_classes, num_classes).float()
    hit, truth = confusion.diag(), confusion.sum(dim=1)
    iou = hit / (truth + confusion.sum(dim=0) - hit)
    return iou.where(truth > 0, torch.nan).nanmean()
