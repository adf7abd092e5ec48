"""Losses that a whole network learns by from frames without labels."""

from vsda.unlabelled.consistency import Consistency
from vsda.unlabelled.losses import EntropyLoss, Frames, TeacherLoss, UnlabelledTerms
from vsda.unlabelled.photometric import Photometric

__all__ = [
    "Consistency",
    "EntropyLoss",
    "Frames",
    "Photometric",
    "TeacherLoss",
    "UnlabelledTerms",
]
