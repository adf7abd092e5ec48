"""What a recipe costs: its network, and what adaptation adds to training and prediction.

Everything is counted by running the recipe's own objective without values, see `vsda.models.cost`:
nothing is worked out from formulas, and nothing that is not there can be zero by assertion.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from vsda.adversarial.losses import ClusteredLoss
from vsda.models.cost import Cost, count, count_multiply_adds, count_prediction
from vsda.models.network import SegmentationNetwork
from vsda.recipes.adversarial import AdversarialSettings
from vsda.recipes.train import TrainRecipe
from vsda.recipes.unlabelled import UnlabelledSettings
from vsda.stream.domains import Batch, Part
from vsda.taxonomy import class_set
from vsda.training.build import build_network, build_objective
from vsda.training.class_weights import ClassWeights
from vsda.training.objective import Objective
from vsda.training.terms import Guidance
from vsda.unlabelled import TeacherLoss
from vsda.unlabelled.teacher import pseudo_labels

GLOBAL = "global"
TEACHER = "teacher"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacementCost:
    """What a loss would look at in one place, for one picture or clip.

    Attributes:
        tokens: Number of tokens, of all frames.
        channels: Of a token. At `global` a token is a whole frame.
        encoder: Multiply-adds up to there: what a picture without labels costs.
    """

    tokens: int
    channels: int
    encoder: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCost:
    """Multiply-adds of one training step's forward passes; the backward ones come on top.

    Attributes:
        segmentation: Of the labelled pictures, auxiliary head included: the step of the same recipe
            without what it has against the gap.
        unlabelled: Of the network, for pictures without labels: as deep as the discriminator looks,
            and all of it where the network learns from them by themselves.
        teacher: Of the teacher, for the same; nothing goes back through it.
        discriminator: Of the discriminator.
        clustering: Of the rest of the adversarial loss: k-means, from the second step on.
    """

    segmentation: int
    unlabelled: int
    teacher: int
    discriminator: int
    clustering: int

    @property
    def added(self) -> int:
        """What adaptation adds."""
        return self.unlabelled + self.teacher + self.discriminator + self.clustering


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeCost:
    """What a recipe's network and its training cost.

    Attributes:
        network: Of one picture or clip.
        parameters: Of the network, auxiliary head included.
        placements: By name; `global` is the last of them.
        discriminator: Class of the discriminator; None in a run without an adversarial loss.
        discriminator_parameters: Of the adversarial part.
        step: Of one training step.
        added_to_prediction: Multiply-adds of a prediction by the network of the recipe's objective,
            less those of the network by itself.
    """

    network: Cost
    parameters: int
    placements: Mapping[str, PlacementCost]
    discriminator: str | None
    discriminator_parameters: int
    step: StepCost
    added_to_prediction: int


def recipe_costs(recipes: Mapping[str, TrainRecipe]) -> Iterator[tuple[str, RecipeCost]]:
    """Yield what each of `recipes` costs, with its name; see `recipe_cost`.

    Those that differ in nothing that costs anything, such as their sets, are counted once.
    """
    known: dict[str, RecipeCost] = {}
    for name, recipe in recipes.items():
        key = _what_costs(recipe)
        if key not in known:
            known[key] = recipe_cost(recipe)
        yield name, known[key]


def recipe_cost(recipe: TrainRecipe) -> RecipeCost:
    """Return what `recipe` costs; its sets are not opened.

    Raises:
        UsageError: The network cannot have these settings, or lacks the placement.
        RecipeError: The settings contradict each other.
    """
    size_px = (recipe.size_px, recipe.size_px)
    num_classes = len(class_set(recipe.classes)) + 1
    bare, objective = _network(recipe, num_classes), _objective(recipe, num_classes)
    cost = count_multiply_adds(bare, size_px)
    with_objective = count_prediction(objective.network, size_px)
    adversarial = objective.adversarial
    return RecipeCost(
        network=cost,
        parameters=_num_parameters(bare),
        placements=_placements(bare, cost),
        discriminator=None if adversarial is None else type(adversarial.discriminator).__name__,
        discriminator_parameters=0 if adversarial is None else _num_parameters(adversarial),
        step=_step_cost(recipe, objective),
        added_to_prediction=with_objective - count_prediction(bare, size_px),
    )


def _what_costs(recipe: TrainRecipe) -> str:
    sizes = {"size_px", "batch_images", "batch_videos", "batch_labelled_videos", "image_labels"}
    settings = recipe.model_dump_json(include=sizes | {"network", "adversarial", "unlabelled"})
    streams = (recipe.uses_images, recipe.uses_videos, bool(recipe.labelled_videos))
    return f"{settings} {streams} {len(class_set(recipe.classes))}"


def _network(recipe: TrainRecipe, num_classes: int) -> SegmentationNetwork:
    with torch.device("meta"):
        return build_network(recipe, num_classes)


def _objective(recipe: TrainRecipe, num_classes: int) -> Objective:
    weights = ClassWeights(
        values=(1.0,) * num_classes, source="none", sets=(), uses_target_labels=False
    )
    return build_objective(_network(recipe, num_classes), recipe, weights)


def _placements(network: SegmentationNetwork, cost: Cost) -> dict[str, PlacementCost]:
    frames = cost.num_frames or 1
    found = {}
    for name, tap in network.taps.items():
        height, width = tap.map_size((cost.height_px, cost.width_px))
        found[name] = PlacementCost(
            tokens=frames * height * width, channels=tap.channels, encoder=cost.encoder_until[name]
        )
    last = found[list(network.taps)[-1]]
    found[GLOBAL] = PlacementCost(
        tokens=frames,
        channels=last.tokens // frames * last.channels,
        encoder=last.encoder,
    )
    return found


def _step_cost(recipe: TrainRecipe, objective: Objective) -> StepCost:
    nothing = {"adversarial": AdversarialSettings(), "unlabelled": UnlabelledSettings()}
    without = recipe.model_copy(update=nothing)
    labelled = _objective(without, objective.network.num_classes)
    segmentation = _count_fake(without, labelled)["Objective"]
    counts = _count_with(recipe, objective)
    adversarial = counts.get("Objective.adversarial", 0)
    discriminator = counts.get("Objective.adversarial.discriminator", 0)
    teacher = counts[TEACHER]
    return StepCost(
        segmentation=segmentation,
        unlabelled=counts["Objective"] - segmentation - adversarial - teacher,
        teacher=teacher,
        discriminator=discriminator,
        clustering=adversarial - discriminator,
    )


def _count_with(recipe: TrainRecipe, objective: Objective) -> dict[str, int]:
    """Return the multiply-adds of the forward passes of a step by module."""
    if isinstance(objective.adversarial, ClusteredLoss):
        # The seeding, which only the first step has, draws numbers in a way that needs values.
        state = objective.adversarial.state_dict()
        objective.adversarial.load_state_dict(state | {"holds_centroids": torch.tensor(True)})
    return _count_fake(recipe, objective)


def _count_fake(recipe: TrainRecipe, objective: Objective) -> dict[str, int]:
    """Return the multiply-adds of the forward passes of a step by module.

    Fake tensors are the meta device with a device to name, which losses ask for.
    """
    has_teacher = isinstance(objective.unlabelled, TeacherLoss)
    teacher = copy.deepcopy(objective.network).eval() if has_teacher else None
    with FakeTensorMode(allow_non_fake_inputs=True):
        for network in filter(None, (objective.network, teacher)):
            network.to_empty(device="cpu")
        return _count_step(objective, teacher, _batch(recipe))


def _count_step(
    objective: Objective, teacher: SegmentationNetwork | None, batch: Batch
) -> dict[str, int]:
    """Return the multiply-adds by module, and under `TEACHER` those of a teacher among them."""
    objective.train()
    generator = torch.Generator()
    guidance = Guidance(weight=1.0, generator=generator, teacher=teacher)
    counts = count(lambda: objective(batch, strength=1.0, generator=generator, guidance=guidance))[
        1
    ]
    if teacher is None or batch.videos is None:
        return counts | {TEACHER: 0}
    frames = batch.videos.pictures
    return counts | {TEACHER: count(lambda: pseudo_labels(teacher, frames))[1]["Global"]}


def _batch(recipe: TrainRecipe) -> Batch:
    """Return a batch of the shapes that the recipe streams."""
    clip = () if recipe.clip_frames is None else (recipe.clip_frames,)
    image = () if recipe.clip_frames is None else (1,)
    images = _part((recipe.batch_images, *image), recipe.size_px, has_masks=recipe.image_labels)
    videos = _part((recipe.batch_videos, *clip), recipe.size_px, has_masks=False)
    labelled = _part((recipe.batch_labelled_videos, *clip), recipe.size_px, has_masks=True)
    return Batch(
        images=images if recipe.uses_images else None,
        videos=videos if recipe.uses_videos else None,
        labelled_videos=labelled if recipe.labelled_videos else None,
    )


def _part(count_of: Sequence[int], side_px: int, *, has_masks: bool) -> Part:
    pictures = torch.empty(*count_of, 3, side_px, side_px, dtype=torch.uint8)
    masks = torch.empty(*count_of, side_px, side_px, dtype=torch.uint8) if has_masks else None
    return Part(pictures, masks)


def _num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
