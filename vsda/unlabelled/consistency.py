"""Neighbouring frames of a clip shall be answered alike."""

from dataclasses import dataclass

from torch import Tensor

from vsda.unlabelled.prediction import probabilities


@dataclass(frozen=True, kw_only=True, slots=True)
class Consistency:
    """How neighbours of a clip are compared.

    Attributes:
        weight: Of the term.
        confidence: Probability of its class above which the network counts as sure of a pixel.
    """

    weight: float = 1.0
    confidence: float = 0.968

    def __call__(self, logits: Tensor) -> Tensor:
        """Return the mean squared difference of what neighbours predict, a scalar.

        It is over all pixels, and counts those where the network is sure in one of both frames: the
        other one shall move towards it. Two sure answers that differ are left alone, since what
        shows there has moved: nothing follows the motion.

        Args:
            logits: (N, T, K, H, W) of clips, T at least 2.

        Raises:
            ValueError: There are no neighbours.
        """
        if logits.dim() != 5 or logits.shape[1] < 2:
            raise ValueError(
                f"consistency: got logits {tuple(logits.shape)}, expected (N, T, K, H, W) of clips "
                "of at least 2 frames"
            )
        found = probabilities(logits)
        sure = found.detach().amax(dim=-3) > self.confidence
        earlier, later = slice(None, -1), slice(1, None)
        total = sum(
            (found[:, here] - found[:, there].detach()).square().sum(dim=-3)
            * (sure[:, there] & ~sure[:, here])
            for here, there in ((earlier, later), (later, earlier))
        )
        mean: Tensor = total.mean()  # type: ignore[union-attr]
        return mean
