"""The networks that are measured: a run, and what it started from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from vsda.errors import RunError
from vsda.evaluation.trained import TrainedNetwork, open_run
from vsda.gap.discriminator import Opponent, opponent_of
from vsda.models.network import SegmentationNetwork
from vsda.storage.distinct import distinct_names, refuse_twins
from vsda.training.build import build_network, build_objective
from vsda.training.checkpoint import load_checkpoint
from vsda.training.class_weights import ClassWeights
from vsda.training.initial import initialise
from vsda.training.provenance import PROVENANCE_FILE

START_SUFFIX = "-start"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A network to be measured.

    Attributes:
        name: That of the run folder, with as many parents as keep it apart from the other runs,
            and with `START_SUFFIX` for what the run started from.
        trained: The network and its recipe.
        opponent: The run's discriminator; None of a run without, and of a start.
    """

    name: str
    trained: TrainedNetwork
    opponent: Opponent | None


def open_networks(
    runs: Mapping[Path, Path | None], *, raw: bool = False, starts_from: Path | None = None
) -> list[Measured]:
    """Return the networks of runs in order, each one's start before it if that is wanted.

    A start that an earlier run had, too, is not repeated.

    Args:
        runs: Which of its checkpoints to take of each run folder; None for the newest whole one.
        raw: Take the weights of the last step even where a run keeps an average of them.
        starts_from: Where weights with a name lie; None leaves starts out.

    Raises:
        RunError: As `open_measured` and `open_start` do.
        UsageError: One run is named twice.
        VsdaError: As `open_start` does.
    """
    refuse_twins([*runs])
    names = distinct_names([run_dir.resolve() for run_dir in runs])
    found: list[Measured] = []
    for name, (run_dir, checkpoint) in zip(names, runs.items(), strict=True):
        run = replace(open_measured(run_dir, checkpoint, raw=raw), name=name)
        if starts_from is not None:
            start = open_start(run, run_dir, starts_from)
            if not any(same_weights(start.trained.network, each.trained.network) for each in found):
                found.append(start)
        found.append(run)
    return found


def open_measured(run_dir: Path, checkpoint: Path | None = None, *, raw: bool = False) -> Measured:
    """Return a run's network, with its discriminator in evaluation mode.

    Args:
        run_dir: The run folder.
        checkpoint: One of the run's; None for the newest whole one.
        raw: Take the weights of the last step even where the run keeps an average of them.

    Raises:
        RunError: No run folder, no whole checkpoint, or `checkpoint` is another run's.
    """
    trained = open_run(run_dir, checkpoint, raw=raw)
    if trained.checkpoint is None:
        raise RunError(f"{run_dir}: no checkpoint; is it a run folder of `vsda train`?")
    weights = _no_weights(trained.num_outputs)
    objective = build_objective(trained.network, trained.recipe, weights)
    opponent = opponent_of(objective.adversarial, objective.view)
    if opponent is not None:
        state = load_checkpoint(trained.checkpoint).adversarial
        try:
            opponent.loss.load_state_dict(dict(state))
        except RuntimeError as error:
            raise RunError(
                f"{run_dir}: its discriminator does not fit its recipe: {error}"
            ) from error
        opponent.loss.eval()
    return Measured(name=run_dir.resolve().name, trained=trained, opponent=opponent)


def open_start(run: Measured, run_dir: Path, weights_dir: Path) -> Measured:
    """Return what a run started from: the weights that its recipe names, or random ones.

    Args:
        run: The run.
        run_dir: Its folder, whose record of the initial weights must be that of the same bytes.
        weights_dir: Where weights with a name lie.

    Raises:
        RunError: The weights are no longer those that the run started from.
        WeightsError: The file is damaged.
        VsdaError: There is no such file.
    """
    trained = run.trained
    network = build_network(trained.recipe, trained.num_outputs)
    found = initialise(network, trained.recipe.init, trained.classes, weights_dir)
    recorded = _recorded(run_dir)
    if found is not None and recorded is not None and found["sha256"] != recorded["sha256"]:
        raise RunError(
            f"{run_dir}: started from {recorded['file']} with the SHA-256 {recorded['sha256'][:12]}"
            f"..., and {found['file']} now has {found['sha256'][:12]}...; put the old weights "
            "back, or leave --before out"
        )
    start = TrainedNetwork(
        network=network.eval(), recipe=trained.recipe, classes=trained.classes, step=0
    )
    return Measured(name=f"{run.name}{START_SUFFIX}", trained=start, opponent=None)


def same_weights(one: SegmentationNetwork, other: SegmentationNetwork) -> bool:
    """Tell whether two networks have the same weights and statistics by the same names."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def _no_weights(num_outputs: int) -> ClassWeights:
    """Return weights for an objective that is not descended on."""
    return ClassWeights(
        values=(1.0,) * num_outputs, source="none", sets=(), uses_target_labels=False
    )


def _recorded(run_dir: Path) -> dict[str, Any] | None:
    """Return the record of the initial weights, None where there is none."""
    path = run_dir / PROVENANCE_FILE
    if not path.is_file():
        return None
    recorded: dict[str, Any] | None = json.loads(path.read_bytes()).get("initial_weights")
    return recorded
