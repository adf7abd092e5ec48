"""The networks that guess a domain. Features come channels last; each logit is positive for 1.

linear  alternating linear layers and leaky ReLUs, which all but `patch` end in
token   one logit per token, or per pair of tokens
frame   one logit per frame, from its whole map
patch   a map of logits per frame, from overlapping patches of its map
"""

from vsda.adversarial.discriminators.frame import ConvDiscriminator, FrameDiscriminator
from vsda.adversarial.discriminators.patch import (
    ClipPatchDiscriminator,
    PatchDiscriminator,
    check_patch_map,
)
from vsda.adversarial.discriminators.token import (
    PairDiscriminator,
    TokenDiscriminator,
    pair_features,
)

__all__ = [
    "ClipPatchDiscriminator",
    "ConvDiscriminator",
    "FrameDiscriminator",
    "PairDiscriminator",
    "PatchDiscriminator",
    "TokenDiscriminator",
    "check_patch_map",
    "pair_features",
]
