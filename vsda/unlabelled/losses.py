"""The losses of a step's unlabelled frames: pure functions of networks, frames and random numbers.

EntropyLoss()(network, Frames(pictures=frames))
TeacherLoss()(network, Frames(pictures=frames, teacher=teacher, class_weights=weights,
                              generator=generator))
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vsda.models.batch_norm import Statistics
from vsda.models.network import Levels, SegmentationNetwork
from vsda.stream.domains import Part
from vsda.unlabelled.consistency import Consistency
from vsda.unlabelled.entropy import entropy_loss
from vsda.unlabelled.mix import drawn_pixels, pasted
from vsda.unlabelled.photometric import Photometric
from vsda.unlabelled.prediction import predicted
from vsda.unlabelled.teacher import (
    Weighting,
    pixel_weights,
    pseudo_labels,
    self_training_loss,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """The frames of a step, and what helps to learn from them.

    Attributes:
        pictures: (N, [T,] 3, H, W) uint8.
        levels: Of the encoder, if the frames passed it as they are already.
        teacher: In evaluation mode; `TeacherLoss` needs it, and the two that follow.
        class_weights: (K,) of the cross-entropy.
        generator: Source of all random numbers but the network's own.
        labelled: What `mix` takes parts of: (M, [1 or T,] ...) pictures with masks.
    """

    pictures: Tensor
    levels: Levels | None = None
    teacher: SegmentationNetwork | None = None
    class_weights: Tensor | None = None
    generator: torch.Generator | None = None
    labelled: Part | None = None


@dataclass(frozen=True, slots=True)
class UnlabelledTerms:
    """What a loss of unlabelled frames returns.

    Attributes:
        loss: Scalar, at least float32, with a graph.
        scalars: Its parts and what to watch beside them, detached scalars by name.
    """

    loss: Tensor
    scalars: Mapping[str, Tensor]

    def scaled(self, share: float) -> dict[str, Tensor]:
        """Return the scalars with the losses as a part of a batch, `share` of it, adds to them."""
        return {
            name: share * value if name.startswith("loss") else value
            for name, value in self.scalars.items()
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class EntropyLoss:
    """The mean entropy of what the network predicts.

    Attributes:
        statistics: Of the batch norms.
        consistency: Of neighbours in clips; None for no such term.
    """

    statistics: Statistics = "running"
    consistency: Consistency | None = None

    @property
    def takes_frames_as_they_are(self) -> bool:
        """Tell whether it could do with features that others have of the same frames."""
        return True

    def __call__(self, network: SegmentationNetwork, frames: Frames) -> UnlabelledTerms:
        """Return the loss of `frames`."""
        logits = predicted(network, frames.pictures, self.statistics, frames.levels)
        return _terms(entropy_loss(logits), logits, self.consistency, {})


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherLoss:
    """Cross-entropy of the student on a changed view against the teacher's classes on the frame.

    Attributes:
        confidence: Probability above which a pixel of the teacher is sure.
        weighting: How sure pixels count.
        mixes: Whether parts of labelled pictures are pasted over what the student sees.
        view: How it changes then; None for not at all.
        statistics: Of the student's batch norms.
        consistency: Of neighbours in clips; None for no such term.
    """

    confidence: float = 0.968
    weighting: Weighting = "pixels"
    mixes: bool = False
    view: Photometric | None = None
    statistics: Statistics = "running"
    consistency: Consistency | None = None

    @property
    def takes_frames_as_they_are(self) -> bool:
        """Tell whether it could do with features that others have of the same frames."""
        return not self.mixes and not (self.view and self.view.is_random)

    def __call__(self, network: SegmentationNetwork, frames: Frames) -> UnlabelledTerms:
        """Return the loss of `frames`.

        Raises:
            ValueError: What it needs besides the pictures is missing.
        """
        teacher, class_weights, generator = frames.teacher, frames.class_weights, frames.generator
        if teacher is None or class_weights is None or generator is None:
            raise ValueError("TeacherLoss: expected a teacher, class weights and a generator")
        labels = pseudo_labels(teacher, frames.pictures)
        lesson = _Lesson(
            frames.pictures,
            labels.classes,
            pixel_weights(labels.confidence, self.confidence, self.weighting),
        )
        if self.mixes:
            lesson = lesson.mixed(frames.labelled, len(class_weights), generator)
        pictures = lesson.pictures
        if self.view is not None:
            pictures = self.view.changed(pictures, generator)
        logits = predicted(network, pictures, self.statistics, frames.levels)
        loss = self_training_loss(
            logits.flatten(0, -4),
            lesson.classes.flatten(0, -3),
            lesson.weights.flatten(0, -3),
            class_weights,
        )
        sure = labels.confidence > self.confidence
        watched = {
            "teacher_confidence": labels.confidence.mean(),
            "pseudo_label_share": sure.float().mean(),
            "pseudo_object_share": (labels.classes > 0).float().mean(),
        }
        return _terms(loss, logits, self.consistency, watched)


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What the student sees, and what it is to say: (N, [T,] 3, H, W) and (N, [T,] H, W) twice."""

    pictures: Tensor
    classes: Tensor
    weights: Tensor

    def mixed(
        self, labelled: Part | None, num_classes: int, generator: torch.Generator
    ) -> "_Lesson":
        """Return the lesson with half of the classes of a labelled picture over each frame."""
        if labelled is None or labelled.masks is None:
            raise ValueError("TeacherLoss: to mix it needs labelled pictures, got none")
        taken = torch.arange(len(self.pictures), device=self.pictures.device)
        taken = taken % len(labelled.pictures)
        pictures, masks = labelled.pictures[taken], labelled.masks[taken]
        pixels = drawn_pixels(masks, num_classes, generator)
        return _Lesson(
            pasted(pictures, self.pictures, pixels),
            pasted(masks.long(), self.classes, pixels),
            self.weights.where(~pixels, 1),
        )


def _terms(
    loss: Tensor, logits: Tensor, consistency: Consistency | None, watched: Mapping[str, Tensor]
) -> UnlabelledTerms:
    scalars = {"loss_unlabelled": loss.detach(), **watched}
    if consistency is None:
        return UnlabelledTerms(loss, scalars)
    neighbours = consistency(logits)
    scalars["loss_consistency"] = neighbours.detach()
    return UnlabelledTerms(loss + consistency.weight * neighbours, scalars)
