"""What training costs besides its arithmetic: the steps of `vsda train` beside a bare loop's.

`vsda train` reads made-up shards with its workers, logs, checks and measures; the bare loop has the
same network, losses, optimisers and precision, and one batch in memory. Both take turns in one run.
Left out are checkpoints and pictures, which come once in hundreds of steps.
"""

import math
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from vsda.bench.machine import this_machine
from vsda.bench.timing import ratio, timing
from vsda.bench.train_results import TrainBench, TrainResult, TrainRow, TrainSetting
from vsda.bench.train_sets import write_sets
from vsda.bench.train_ways import Job, Round, bare, ours
from vsda.manifests.speeds import PaperEpoch, paper_epochs, peaks
from vsda.memory import peak_bytes
from vsda.progress import progress
from vsda.recipes.load import find_recipe, load_recipe
from vsda.recipes.train import TrainRecipe
from vsda.training.build import build_network
from vsda.training.cost import StepCost, recipe_cost
from vsda.training.inputs import open_inputs
from vsda.training.precision import Precision

RECIPES = ("demo-clustered", "swin-patch", "swin-patch-clustered")
"""The demo's small network at 64 pixels; the paper's at 256, with both of its losses."""

OURS, BARE = "vsda train", "bare loop"
_COMPILED = ", compiled"
_SMALL_PX = 64
_BATCH_PIXELS = 4 * 256 * 256
"""Of a step's images together on a CPU, unless a batch size is given."""
_FEW_STEPS, _MANY_ROUNDS, _FEW_ROUNDS = 3, 7, 3
_PAPER = ("swin_upernet", 256)
"""Network and side of a picture of the paper's epochs."""
_FORMATS = {"32": ("tf32", "fp32"), "bf16-mixed": ("bf16",), "16-mixed": ("fp16",)}
"""Those that count for a precision, the first that the device has: convolutions of 32 bits are done
in TF32 unless that is turned off."""

Run = Callable[[], Round]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is laid over every recipe; None leaves the choice to the recipe or to `measure`.

    Attributes:
        size_px: Side of a picture; the recipe's.
        batch: Images of a step, and frames; the recipe's, but on a CPU no more than have the pixels
            of four images of 256 pixels.
        num_steps: Timed in a round, after as many to warm up; as many as have a row of the log, but
            3 on a CPU above 64 pixels.
        num_rounds: Of each way; 7, but 3 on a CPU above 64 pixels.
        precision: Of the forward passes; the recipe's.
        compiles: Do it all once more, compiled.
    """

    size_px: int | None = None
    batch: int | None = None
    num_steps: int | None = None
    num_rounds: int | None = None
    precision: Precision | None = None
    compiles: bool = False


def measure(recipes: Sequence[str] = RECIPES, plan: Plan | None = None) -> TrainBench:
    """Return how fast each recipe trains, on a GPU where there is one.

    Raises:
        UnknownNameError: No such recipe.
    """
    plan = plan or Plan()
    fabric = Fabric(accelerator="cuda" if torch.cuda.is_available() else "cpu", devices=1)
    # All recipes are read before the first is measured: a wrong name shall not wait for minutes.
    loaded = {name: _sized(_load(name), plan, fabric) for name in recipes}
    results = tuple(_measure(name, recipe, plan, fabric) for name, recipe in loaded.items())
    return TrainBench(
        results=results,
        process_peak_bytes=peak_bytes(),
        machine=this_machine(fabric.device),
    )


def _load(name: str) -> TrainRecipe:
    return load_recipe(TrainRecipe, find_recipe("train", name), kind="train")


def _sized(recipe: TrainRecipe, plan: Plan, fabric: Fabric) -> TrainRecipe:
    size_px = plan.size_px or recipe.size_px
    most = max(2, _BATCH_PIXELS // (size_px**2 * (recipe.clip_frames or 1)))
    if fabric.device.type == "cuda":
        most = max(recipe.batch_images, recipe.batch_videos)
    changed = {
        "size_px": size_px,
        "batch_images": plan.batch or min(recipe.batch_images, most),
        "batch_videos": plan.batch or min(recipe.batch_videos, most),
        "precision": plan.precision or recipe.precision,
    }
    return recipe.model_copy(update=changed)


def _measure(name: str, recipe: TrainRecipe, plan: Plan, fabric: Fabric) -> TrainResult:
    is_fast = fabric.device.type == "cuda" or recipe.size_px <= _SMALL_PX
    num_rounds = plan.num_rounds or (_MANY_ROUNDS if is_fast else _FEW_ROUNDS)
    num_steps = max(2, plan.num_steps or (recipe.log_every if is_fast else _FEW_STEPS))
    with tempfile.TemporaryDirectory(prefix="vsda-bench-") as folder:
        recipe = _on_sets(recipe, write_sets(Path(folder), recipe.size_px))
        job = Job(recipe=recipe, inputs=open_inputs(recipe), fabric=fabric, num_steps=num_steps)
        runs = _runs(job, Path(folder), compiles=plan.compiles)
        found = _in_turns(runs, num_rounds, f"{name}, {recipe.size_px} px")
    cost = recipe_cost(recipe).step
    peak_format, peak_tflops = device_peak(this_machine(fabric.device).device, recipe.precision)
    epoch = paper_epoch(recipe)
    rates = Rates(recipe, operations(cost), peak_tflops, epoch)
    return TrainResult(
        setting=_setting(name, job, cost, num_rounds),
        rows=tuple(_row(way, found, rates) for way in runs),
        peak_format=peak_format,
        paper=epoch,
    )


def _on_sets(recipe: TrainRecipe, places: tuple[str, str]) -> TrainRecipe:
    """Return `recipe` reading made-up sets, without what comes once in hundreds of steps."""
    images, videos = places
    changed = {
        "images": (images,),
        "videos": (videos,),
        "labelled_videos": (),
        "validation": (),
        "accumulate": 1,
        "panels_every": 0,
        "class_weights": recipe.class_weights.model_copy(update={"source": "labelled"}),
    }
    return recipe.model_copy(update=changed)


def _runs(job: Job, folder: Path, *, compiles: bool) -> dict[str, Run]:
    """Return what does a round of each way."""
    numbers = count()

    def run_ours(job: Job) -> Round:
        return ours(job, folder / f"run-{next(numbers)}")

    runs: dict[str, Run] = {}
    for compiled in (False, True) if compiles else (False,):
        recipe = job.recipe.model_copy(update={"compile": compiled})
        one = Job(recipe=recipe, inputs=job.inputs, fabric=job.fabric, num_steps=job.num_steps)
        ending = _COMPILED if compiled else ""
        runs |= {OURS + ending: partial(run_ours, one), BARE + ending: partial(bare, one)}
    return runs


def _in_turns(runs: Mapping[str, Run], num_rounds: int, what: str) -> dict[str, list[Round]]:
    """Do all `runs` in every round, each round beginning with another of them."""
    names = list(runs)
    found: dict[str, list[Round]] = defaultdict(list)
    for index in progress(range(num_rounds), what):
        start = index % len(names)
        for name in names[start:] + names[:start]:
            found[name].append(runs[name]())
    return found


@dataclass(frozen=True, slots=True)
class Rates:
    """What makes a step's time a rate.

    Attributes:
        recipe: What a step is made of.
        operations: Of floating-point numbers in a step.
        peak_tflops: Of the device; None where it is not known.
        epoch: Of the paper; None for what it has not timed.
    """

    recipe: TrainRecipe
    operations: int
    peak_tflops: float | None
    epoch: PaperEpoch | None


def operations(cost: StepCost) -> int:
    """Return the floating-point operations of a step: two for a multiply-add.

    The backward pass costs twice the forward pass; k-means has none.
    """
    trained = cost.segmentation + cost.unlabelled + cost.discriminator
    return 2 * (3 * trained + cost.clustering)


def device_peak(device: str, precision: Precision) -> tuple[str | None, float | None]:
    """Return the format that counts for a precision, and its peak in TFLOP/s; None if unknown."""
    known = peaks().get(device)
    for name in _FORMATS[precision]:
        if known is not None and name in known.tflops:
            return name, known.tflops[name]
    return None, None


def paper_epoch(recipe: TrainRecipe) -> PaperEpoch | None:
    """Return the epoch that the paper states for such a recipe, None if it states none."""
    if (recipe.network.name, recipe.size_px) != _PAPER:
        return None
    return paper_epochs().get(recipe.adversarial.loss)


def _row(name: str, found: Mapping[str, Sequence[Round]], rates: Rates) -> TrainRow:
    against = name.replace(OURS, BARE)
    took_ms, bare_ms = ([each.step_ms for each in found[way]] for way in (name, against))
    waits = [each.data_wait for each in found[name] if each.data_wait is not None]
    peak_memory = [each.peak_bytes for each in found[name] if each.peak_bytes is not None]
    step = timing(took_ms)
    seconds, epoch, recipe = step.median_ms / 1e3, rates.epoch, rates.recipe
    tflops = rates.operations / seconds / 1e12
    return TrainRow(
        name=name,
        step=step,
        images_per_s=(recipe.batch_images + _batch_videos(recipe)) / seconds,
        of_bare=None if name == against else ratio(bare_ms, took_ms),
        data_wait=float(np.median(waits)) if waits else None,
        peak_bytes=max(peak_memory, default=None),
        share_of_peak=None if rates.peak_tflops is None else tflops / rates.peak_tflops,
        epoch_s=None if epoch is None else seconds * math.ceil(epoch.frames / recipe.batch_videos),
    )


def _setting(name: str, job: Job, cost: StepCost, num_rounds: int) -> TrainSetting:
    recipe = job.recipe
    network = build_network(recipe, len(job.inputs.weights.values))
    return TrainSetting(
        recipe=name,
        network=recipe.network.name,
        num_parameters=sum(each.numel() for each in network.parameters()),
        loss=recipe.adversarial.loss,
        placement=recipe.adversarial.placement,
        size_px=recipe.size_px,
        batch_images=recipe.batch_images,
        batch_videos=_batch_videos(recipe),
        precision=recipe.precision,
        channels_last=recipe.channels_last,
        workers=recipe.workers,
        multiply_adds=cost.segmentation + cost.added,
        num_steps=job.num_steps,
        log_every=recipe.log_every,
        num_rounds=num_rounds,
    )


def _batch_videos(recipe: TrainRecipe) -> int:
    return recipe.batch_videos if recipe.uses_videos else 0
