"""What the clustered loss costs: a training step with it beside the general loss and without any.

The paper states 3.59 times the time of the general loss for an epoch. Everything here is measured
in one run and in turns, on made-up pictures (`vsda.synth`) and random initial weights; the tokens
are those that the loss is given in a step.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from vsda.bench.cluster_arms import LOSSES, Arm, Seen, num_classes_of
from vsda.bench.cluster_results import ClusterBench, PartRow, Setting, SettingResult
from vsda.bench.cluster_term import DOMAIN, REST, WHOLE, clustered_parts, domain_tokens, rest, term
from vsda.bench.kmeans_ways import compare
from vsda.bench.machine import this_machine
from vsda.bench.made_up import made_up_batch
from vsda.bench.timing import Rounds, ratio, take_turns, timing
from vsda.recipes.load import find_recipe, load_recipe
from vsda.recipes.train import TrainRecipe

RECIPES = ("demo-clustered", "swin-patch-clustered")
"""The demo's small network at 64 pixels, and the paper's at 256."""

_BATCH_PIXELS = 4 * 256 * 256
"""Of a step's images together, unless a batch size is given: seconds for a step of two cores."""
_SMALL_PX = 64
_MANY_ROUNDS, _FEW_ROUNDS = 40, 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What is laid over every recipe; None leaves the choice to `measure`.

    Attributes:
        size_px: Side of a picture; the recipe's.
        batch: Images of a step, and frames; the recipe's, or as many as have the pixels of four
            images of 256 pixels.
        num_rounds: Of every measurement; 40 up to 64 pixels and 7 above.
    """

    size_px: int | None = None
    batch: int | None = None
    num_rounds: int | None = None


def measure(recipes: Sequence[str] = RECIPES, sizes: Sizes | None = None) -> ClusterBench:
    """Return what a step of each recipe takes with each loss, on a GPU where there is one.

    Raises:
        UnknownNameError: No such recipe.
        RecipeError: A recipe that does not go with one of the losses.
        UsageError: A network that does not take such pictures.
    """
    fabric = Fabric(accelerator="cuda" if torch.cuda.is_available() else "cpu", devices=1)
    sizes = sizes or Sizes()
    # All recipes are read before the first is measured: a wrong name shall not wait for minutes.
    loaded = {name: _sized(_load(name), sizes) for name in recipes}
    results = tuple(
        _measure(name, recipe, _num_rounds(recipe, sizes), fabric)
        for name, recipe in loaded.items()
    )
    return ClusterBench(machine=this_machine(fabric.device), settings=results)


def _load(name: str) -> TrainRecipe:
    return load_recipe(TrainRecipe, find_recipe("train", name), kind="train")


def _sized(recipe: TrainRecipe, sizes: Sizes) -> TrainRecipe:
    size_px = sizes.size_px or recipe.size_px
    frames = recipe.clip_frames or 1
    feasible = max(2, _BATCH_PIXELS // (size_px**2 * frames))
    changed = {
        "size_px": size_px,
        "batch_images": sizes.batch or min(recipe.batch_images, feasible),
        "batch_videos": sizes.batch or min(recipe.batch_videos, feasible),
    }
    return recipe.model_copy(update=changed)


def _num_rounds(recipe: TrainRecipe, sizes: Sizes) -> int:
    return sizes.num_rounds or (_MANY_ROUNDS if recipe.size_px <= _SMALL_PX else _FEW_ROUNDS)


def _measure(name: str, recipe: TrainRecipe, num_rounds: int, fabric: Fabric) -> SettingResult:
    batches = [made_up_batch(recipe, num_classes_of(recipe), number) for number in range(2)]
    arms = {loss: Arm(recipe, loss, batches, fabric) for loss in LOSSES}
    clustered, domain = arms["clustered"], arms["domain"]
    # k-means of a step starts from the centroids of other pictures: those of the first batch.
    clustered.step()
    before = copy.deepcopy(clustered.clustered)
    seen, seen_by_domain = clustered.seen(), domain.seen()
    where = f"{name}, {recipe.size_px} px"
    steps = take_turns(
        {loss: arm.step for loss, arm in arms.items()}, num_rounds, f"{where}: steps"
    )
    works = clustered_parts(clustered, seen) | {DOMAIN: term(domain, seen_by_domain)}
    parts = take_turns(works, num_rounds, f"{where}: parts of the loss")
    ways = compare(
        before,
        domain_tokens(seen),
        clustered.generator,
        num_rounds,
        f"{where}: k-means",
    )
    return SettingResult(
        setting=_setting(name, clustered, seen, num_rounds),
        steps={loss: timing(took_ms) for loss, took_ms in steps.items()},
        clustered_to_domain=ratio(steps["clustered"], steps["domain"]),
        domain_to_none=ratio(steps["domain"], steps["none"]),
        parts=_part_rows(parts, timing(steps["clustered"]).median_ms),
        kmeans=tuple(ways),
    )


def _part_rows(parts: Rounds, step_ms: float) -> tuple[PartRow, ...]:
    # The order of the table: the term, what it is made of, and the other term.
    names = [WHOLE, *(name for name in parts if name not in (WHOLE, DOMAIN)), REST, DOMAIN]
    took = {name: timing(took_ms) for name, took_ms in {**parts, REST: rest(parts)}.items()}
    return tuple(
        PartRow(name=name, took=took[name], share_of_step=took[name].median_ms / step_ms)
        for name in names
    )


def _setting(name: str, arm: Arm, seen: Seen, num_rounds: int) -> Setting:
    recipe, how, tokens = arm.recipe, arm.clustered.clustering, domain_tokens(seen)
    return Setting(
        recipe=name,
        network=recipe.network.name,
        num_parameters=sum(each.numel() for each in arm.network.parameters()),
        size_px=recipe.size_px,
        batch_images=recipe.batch_images,
        batch_videos=recipe.batch_videos,
        placement=recipe.adversarial.placement,
        num_tokens=len(tokens),
        num_channels=tokens.source.shape[1],
        num_clusters=how.num_clusters,
        num_pairs=how.num_pairs,
        kmeans_iterations=how.iterations,
        fit_tokens=how.fit_tokens,
        num_rounds=num_rounds,
    )
