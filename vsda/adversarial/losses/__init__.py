"""The adversarial losses: `domain` of features one by one, `clustered` of pairs inside clusters.

Both hold their discriminator behind a gradient reversal, so that one `backward` trains the
discriminator to tell the domains apart and the encoder to make them alike. Both compute the
cross-entropy in at least 32 bits and take every random number from the generator they are given.
The paper's mu is the `strength` of the reversal; who wants it on the loss, so that it slows the
discriminator too, multiplies what they return.
"""

from vsda.adversarial.losses.clustered import ClusteredLoss, Clustering
from vsda.adversarial.losses.domain import DomainLoss
from vsda.adversarial.losses.terms import AdversarialTerms, Reduction

__all__ = ["AdversarialTerms", "ClusteredLoss", "Clustering", "DomainLoss", "Reduction"]
