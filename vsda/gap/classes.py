"""What labels tell: the domains' distance inside of each class, and how well classes stay apart.

A gap may lie in what is shown, as when one set has more horses; inside of a class it cannot. And
features may be alike because they have lost what they were for: then a probe for the class fails.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vsda.gap.folds import fold_of_tokens
from vsda.gap.logistic import fit_probe
from vsda.gap.separability import Separability, separability
from vsda.gap.tokens import IMAGE, VIDEO, Tokens

LEAST_GROUPS = 5
"""Pictures or sequences of a domain that show a class, below which nothing is said of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassProbe:
    """The mean recall, over classes, of linear probes for the class of a token.

    Each is judged on pictures and sequences that it was not fitted on. Chance is 1 / K.

    Attributes:
        classes: Names of the K classes that both domains show often enough.
        on_images: Fitted on images, judged on others.
        on_videos: The same probes, judged on video frames.
        videos_on_videos: Fitted on video frames, judged on those of other sequences. Where this is
            high and `on_videos` low, classes are told apart in another way; where both are low,
            what tells them apart is gone.
    """

    classes: tuple[str, ...]
    on_images: float
    on_videos: float
    videos_on_videos: float


def separability_by_class(
    tokens: Tokens, names: Sequence[str], seed: int
) -> dict[str, Separability]:
    """Return how well the domains can be told apart among the tokens of each class.

    Args:
        tokens: With classes.
        names: Of the classes, the background first. Those with too few groups are left out.
        seed: Of folds and bootstrap.
    """
    return {
        names[index]: separability(tokens.where(tokens.classes == index), seed)[0]
        for index in usable_classes(tokens)
    }


def usable_classes(tokens: Tokens) -> list[int]:
    """Return the indices of the classes that `LEAST_GROUPS` groups of either domain show."""
    found = []
    for index in torch.unique(tokens.classes).tolist():
        own = tokens.where(tokens.classes == index)
        if min(own.num_groups(IMAGE), own.num_groups(VIDEO)) >= LEAST_GROUPS:
            found.append(index)
    return found


def class_probe(tokens: Tokens, names: Sequence[str], seed: int) -> ClassProbe | None:
    """Return how well classes can be told apart, None with fewer than two usable ones.

    Args:
        tokens: With classes.
        names: Of the classes, the background first.
        seed: Of folds.
    """
    usable = usable_classes(tokens)
    if len(usable) < 2:
        return None
    kept = tokens.where(torch.isin(tokens.classes, torch.tensor(usable)))
    labels = torch.searchsorted(torch.tensor(usable), kept.classes)
    folds, number = fold_of_tokens(kept, seed)
    hits: dict[str, list[Tensor]] = {}
    for fold in range(number):
        for name, hit in _fold_hits(kept, labels, folds == fold).items():
            hits.setdefault(name, []).append(hit)
    recalls = {name: _mean_recall(each, len(usable)) for name, each in hits.items()}
    return ClassProbe(classes=tuple(names[index] for index in usable), **recalls)


def _fold_hits(tokens: Tokens, labels: Tensor, out: Tensor) -> Mapping[str, Tensor]:
    """Return (2, M) labels and whether they were found, of what each probe of a fold judges."""
    image, video = tokens.domains == IMAGE, tokens.domains == VIDEO
    ways = {
        "on_images": (image & ~out, image & out),
        "on_videos": (image & ~out, video & out),
        "videos_on_videos": (video & ~out, video & out),
    }
    found = {}
    for name, (fitted, judged) in ways.items():
        present = torch.unique(labels[fitted])  # a fold may have all tokens of a rare class
        probe = fit_probe(
            tokens.features[fitted], torch.searchsorted(present, labels[fitted]), len(present)
        )
        predicted = present[probe.predict(tokens.features[judged])]
        found[name] = torch.stack((labels[judged], (predicted == labels[judged]).long()))
    return found


def _mean_recall(hits: list[Tensor], num_classes: int) -> float:
    labels, right = torch.cat(hits, dim=1)
    counts = labels.bincount(minlength=num_classes)
    return float((labels.bincount(weights=right.double(), minlength=num_classes) / counts).mean())
