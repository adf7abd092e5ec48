"""The general loss: which domain does a feature come from?"""

import torch
from torch import Tensor, nn

from vsda.adversarial.gradient_reversal import grad_reverse
from vsda.adversarial.losses.terms import (
    AdversarialTerms,
    Reduction,
    cross_entropy,
    known_reduction,
)


class DomainLoss(nn.Module):
    """Cross-entropy of a discriminator that guesses a feature's domain, 1 for an image.

    `mean` is half the mean over image tokens plus half the mean over frame tokens, so chance is
    ln 2 however many tokens either stream has. `sum` is that times the number of all tokens. With
    streams of equal size these are the plain mean and the plain sum of the paper; with unequal ones
    the paper's would reward a discriminator for the mix alone. `sum` makes a strength act as if
    multiplied by the number of tokens (131,072 for 16 + 16 images of 256 pixels).

    Args:
        discriminator: Maps features (..., C) to logits of any shape, without batch statistics: it
            is called once per domain, whose sizes may differ.
        reduction: Over logits: of tokens, frames or patches.

    Reference:
        The method's general loss, L_dc.
    """

    def __init__(self, discriminator: nn.Module, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.discriminator = discriminator
        self.reduction = known_reduction(reduction)

    def forward(
        self,
        source_tokens: Tensor,
        target_tokens: Tensor,
        *,
        strength: float,
        generator: torch.Generator | None = None,
    ) -> AdversarialTerms:
        """Return the loss and both accuracies; of a batch of one domain, 0 with a graph.

        Args:
            source_tokens: (N, h, w, C) of images, or any (..., C).
            target_tokens: The same of video frames; N, h and w may differ.
            strength: Of the gradient reversal.
            generator: Not used; nothing here is random.
        """
        source = self.discriminator(grad_reverse(source_tokens, strength))
        target = self.discriminator(grad_reverse(target_tokens, strength))
        loss = (_mean(cross_entropy(source, 1)) + _mean(cross_entropy(target, 0))) / 2
        if not (source.numel() and target.numel()):
            loss = loss * 0  # one domain alone teaches only its name
        if self.reduction == "sum":
            loss = loss * (source.numel() + target.numel())
        return AdversarialTerms(
            loss=loss,
            accuracy_source=(source.detach() > 0).float().mean(),
            accuracy_target=(target.detach() <= 0).float().mean(),
        )


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(1, values.numel())
