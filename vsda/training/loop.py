"""Steps until the recipe's last: batches in, numbers and checkpoints out."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric

from vsda.errors import ExitCode, RunError, StoppedError
from vsda.recipes.load import check
from vsda.recipes.train import TrainRecipe
from vsda.signals import STOP_CODES, stop_signals
from vsda.stream.domains import Batch, Place, stream_domains
from vsda.training.checkpoint import Checkpoint, checkpoint_dir, save_checkpoint
from vsda.training.damage import DamageCount
from vsda.training.devices import gathered, summed
from vsda.training.display import Display, opened_display
from vsda.training.inputs import RunInputs
from vsda.training.learner import Learner
from vsda.training.memory import peak_memory_bytes
from vsda.training.meter import Meter
from vsda.training.nonfinite import NonFiniteGuard, first_infinite
from vsda.training.profiling import profiled
from vsda.training.repeatable import repeatable
from vsda.training.reversal import reversal_strength
from vsda.training.statistics import check_statistics, renew_statistics, stepwise_sets
from vsda.training.stop import SIGNALS, StopVote
from vsda.training.validation import SCORE, Validator


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainerOptions:
    """What a run does besides training, which decides nothing about the weights.

    Attributes:
        validator: Judges the network now and then, see the recipe's `validate_every`.
        wandb_project: Project of W&B to write to as well; None for no W&B.
        profile_steps: Steps to profile, after a few to warm up; 0 for none.
    """

    validator: Validator | None = None
    wandb_project: str | None = None
    profile_steps: int = 0


class Trainer:
    """One run on this rank. Only rank 0 writes into the run folder, and tells.

    Args:
        recipe: The run's.
        inputs: Its sets, opened.
        run_dir: Its folder.
        fabric: The devices, launched.
        options: What else it does.

    Attributes:
        learner: What is trained.
        step: Steps done.
    """

    def __init__(
        self,
        recipe: TrainRecipe,
        inputs: RunInputs,
        run_dir: Path,
        fabric: Fabric,
        options: TrainerOptions | None = None,
    ) -> None:
        self._recipe, self._inputs, self.run_dir = recipe, inputs, run_dir
        self._fabric, self._options = fabric, options or TrainerOptions()
        self.learner = Learner(recipe, inputs.weights, fabric)
        check_statistics(self.learner.judged, recipe)
        self._damage = DamageCount(recipe.max_damaged)
        self._guard = NonFiniteGuard(run_dir, recipe.max_nonfinite)
        self.step = 0
        self._meter = Meter()
        self._owed = not recipe.steps  # then what comes after the last step is all there is to do
        self._best = -1.0
        self._display_state: Mapping[str, Any] = {}
        self._display: Display | None = None

    @property
    def is_first(self) -> bool:
        """Whether this rank is the one that writes and tells."""
        return self._fabric.global_rank == 0

    def validation_record(self) -> dict[str, Any] | None:
        """Return what the provenance says of the validation sets, None for a run without."""
        validator = self._options.validator
        if validator is None:
            return None
        sets = list(self._recipe.validation)
        return {"sets": sets, "uses_target_labels": validator.uses_target_labels}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from `checkpoint`, on as many devices or on others.

        Raises:
            RunError: It was written by a run of another recipe or on other data.
        """
        then = check(TrainRecipe, checkpoint.recipe, "recipe of the checkpoint").deciding()
        self._refuse(self._recipe.deciding(), then, "of another recipe")
        self._refuse(self._inputs.identity(), checkpoint.inputs, "on other data")
        self.learner.load(checkpoint)
        self.step, self._owed = checkpoint.step, False
        self._meter = Meter.from_state(checkpoint.meter, self._fabric.device)
        counted = checkpoint.counted
        self._guard.skipped, self._best = counted["skipped"], counted["best"]
        if self.is_first:  # who counts for all ranks what was replaced before
            self._damage.keys = set(counted["damaged"])
        self._display_state = counted["display"]

    def _refuse(self, now: Mapping[str, Any], then: Mapping[str, Any], how: str) -> None:
        differing = sorted(key for key in now if now[key] != then.get(key))
        if differing:
            raise RunError(
                f"{self.run_dir}: holds a run {how} (different: {', '.join(differing)}); resume "
                "with what its recipe.json and provenance say, or choose another --run"
            )

    def run(self) -> None:
        """Do the steps that are left, logging, judging and keeping checkpoints as the recipe says.

        Raises:
            StoppedError: A signal asked for a stop; a checkpoint was written.
            RunError: The run has diverged.
            ShardError: A sample cannot be read, or too many cannot.
        """
        with ExitStack() as stack:
            caught = stack.enter_context(stop_signals(*SIGNALS))
            stack.enter_context(repeatable(self._fabric.device))
            if self.is_first:
                self._display = stack.enter_context(self._opened_display())
            profile = self._options.profile_steps if self._display else 0
            profiled_step = stack.enter_context(profiled(self.run_dir, profile))
            vote = StopVote(caught)
            if self._owed:
                self._finish()
                self._keep(self._judge().get(SCORE))
            for batch in self._batches():
                self._do_step(batch)
                profiled_step()
                stop = vote.agreed()
                if stop is not None and self.step < self._recipe.steps:
                    self._stop(stop)

    def _opened_display(self) -> AbstractContextManager[Display]:
        return opened_display(
            self.run_dir,
            self._recipe,
            self._inputs.classes,
            (self.step, self._display_state),
            self._options.wandb_project,
        )

    def _batches(self) -> Iterator[Batch]:
        """Yield the batches on the device, noting how long each kept this rank waiting."""
        place = Place(
            rank=self._fabric.global_rank,
            world_size=self._fabric.world_size,
            start_step=self.step,
        )
        inputs = self._inputs
        sets = stepwise_sets(self._recipe, inputs.domains())
        batches = stream_domains(self._recipe, inputs.classes, sets, place)
        while True:
            start = time.monotonic()
            batch = next(batches, None)
            self._meter.waited_s += time.monotonic() - start
            if batch is None:
                return
            yield batch.to(self._fabric.device)

    def _do_step(self, batch: Batch) -> None:
        self._damage.saw(batch.damaged)
        is_row = self._is_due(self._recipe.log_every, after=1)
        result = self.learner.step(batch, self.step, measure=is_row)
        self.step += 1
        if self._guard.saw(result.was_done, seeks_scale=self.learner.seeks_scale):
            raise self._guard.end(
                self.step, self._fabric.global_rank, batch, self.learner.objective
            )
        num_pictures = batch.num_pictures * self._fabric.world_size
        self._meter.add(result.numbers if result.was_done else {}, num_pictures)
        if self._display:
            self._display.advance(self.step)
        with self._aside():
            self._finish()
            scores = self._judge()
        row = (self._row() if is_row else {}) | scores
        with self._aside():
            self._show(row, batch)
            self._keep(scores.get(SCORE))

    def _finish(self) -> None:
        """Do what comes after the last step and before its checkpoint: a kill has it done again."""
        if self.step == self._recipe.steps and self._recipe.renews_statistics:
            network = self.learner.judged
            self._damage.saw(renew_statistics(network, self._recipe, self._inputs, self._fabric))

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Do something else than training: not counted as its time, and nothing compiled for it."""
        eager = torch.compiler.set_stance("force_eager") if self._recipe.compile else nullcontext()
        with self._meter.away(), eager:
            yield

    def _keep(self, score: float | None) -> None:
        """Write a checkpoint if one is due, or the network was judged the best so far."""
        is_best = score is not None and score > self._best
        self._owed = self._owed or is_best or self._is_due(self._recipe.checkpoint_every)
        # After a step that was left out the weights may be worthless: the next good one is kept.
        if self._owed and not (self._guard.doubts and self.step < self._recipe.steps):
            self._save(score if is_best else None)

    def _is_due(self, every: int, *, after: int = 0) -> bool:
        """Return whether something is due now, or `after` so many steps; the last step has all."""
        step = self.step + after
        return step % every == 0 or step == self._recipe.steps

    def _judge(self) -> dict[str, float]:
        """Return the scores on the validation sets; empty where the network is not judged now."""
        validator = self._options.validator
        if validator is None or not self._is_due(self._recipe.validate_every):
            return {}
        fabric = self._fabric
        self.learner.agree_on_statistics()
        counts = validator.count(self.learner.judged, fabric.global_rank, fabric.world_size)
        return validator.scores(summed(fabric, counts.to(fabric.device)).cpu())

    def _row(self) -> dict[str, float]:
        """Return the numbers since the last row, and start anew."""
        damaged = torch.tensor(len(self._damage.keys), device=self._fabric.device)
        counts = {
            "skipped_steps": self._guard.skipped,
            "damaged_samples": int(summed(self._fabric, damaged)),
        }
        row = (
            self._meter.means()
            | self.learner.settings()
            | {"memory_bytes": peak_memory_bytes(self._fabric.device)}
            | {name: count for name, count in counts.items() if count}
        )
        self._meter = Meter()
        return row

    def _show(self, row: Mapping[str, float], batch: Batch) -> None:
        if self._display is None:
            return
        if row:
            strength = reversal_strength(self._recipe, self.step - 1)
            self._display.row(self.step, row, strength)
        every = self._recipe.panels_every
        if every and self._is_due(every):
            self._display.panel(self.step, self.learner.judged, batch)

    def _save(self, score: float | None = None) -> None:
        """Write a checkpoint; `score` makes it the best one."""
        self.learner.agree_on_statistics()
        damaged = sorted(gathered(self._fabric, self._damage.keys))
        infinite = first_infinite(self.learner.objective.state_dict())
        if infinite is not None:  # on all ranks alike
            raise RunError(
                f"{self.run_dir}: diverged: {infinite} is not finite after step {self.step}; "
                "lower optimizer.learning_rate or adversarial.mu, or set optimizer.clip_norm"
            )
        self._owed = False
        self._best = self._best if score is None else score
        if self._display is None:
            return
        self._display.sync()
        counted = {
            "skipped": self._guard.skipped,
            "damaged": damaged,
            "best": self._best,
            "display": self._display.state(),
        }
        checkpoint = Checkpoint(
            step=self.step,
            recipe=self._recipe.model_dump(mode="json"),
            inputs=self._inputs.identity(),
            meter=self._meter.state(),
            counted=counted,
            **self.learner.state(),
        )
        save_checkpoint(self.run_dir, checkpoint, self._recipe.keep_checkpoints, score=score)

    def _stop(self, name: signal.Signals) -> NoReturn:
        """Save and end, as a signal has asked."""
        if not self._guard.doubts:
            self._save()
        self._fabric.barrier()
        if self._display is None:
            sys.exit(ExitCode.DONE)  # rank 0 tells how the run has ended
        raise StoppedError(
            STOP_CODES[name],
            f"stopped by {name.name} after step {self.step} of {self._recipe.steps}; --resume goes "
            f"on from the latest checkpoint in {checkpoint_dir(self.run_dir)}",
        )
