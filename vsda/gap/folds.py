"""What is held out: whole pictures and sequences, never tokens of one that was fitted on.

Tokens of a picture, and frames of a sequence, are alike: with some of them on either side a probe
recognises the picture, and finds a gap between any two sets.
"""

import torch
from torch import Tensor

from vsda.gap.tokens import IMAGE, VIDEO, Tokens

MOST_FOLDS = 5


def fold_of_tokens(tokens: Tokens, seed: int) -> tuple[Tensor, int]:
    """Return the fold (M,) int64 of each token, and how many folds there are.

    Each fold has the same share of both domains' groups, and at least one of either: there are five
    folds, or as many as the smaller domain has groups.
    """
    generator = torch.Generator().manual_seed(seed)
    number = min(MOST_FOLDS, tokens.num_groups(IMAGE), tokens.num_groups(VIDEO))
    folds = torch.zeros(int(tokens.groups.max()) + 1, dtype=torch.int64)
    for domain in (IMAGE, VIDEO):
        groups = torch.unique(tokens.groups[tokens.domains == domain])
        shuffled = groups[torch.randperm(len(groups), generator=generator)]
        folds[shuffled] = torch.arange(len(groups)) % number
    return folds[tokens.groups], number
