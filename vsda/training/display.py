"""What a run shows of itself while it trains: log, live line, warnings, panels."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vsda.models.network import SegmentationNetwork
from vsda.recipes.train import TrainRecipe
from vsda.stream.domains import Batch
from vsda.taxonomy import ClassSet
from vsda.training.live import Live
from vsda.training.metrics_log import MetricsLog
from vsda.training.panels import predict_panel
from vsda.training.watch import Watch

logger = logging.getLogger(__name__)


class Display:
    """Shows a run; it decides nothing. Only rank 0 has one.

    Args:
        log: The run's numbers and pictures.
        live: What the terminal shows.
        watch: What warns of trouble.
        classes: What the network learns.
    """

    def __init__(self, log: MetricsLog, live: Live, watch: Watch, classes: ClassSet) -> None:
        self._log, self._live, self._watch, self._classes = log, live, watch, classes

    def advance(self, step: int) -> None:
        """Show that `step` steps are done."""
        self._live.advance(step)

    def row(self, step: int, values: Mapping[str, float], strength: float) -> None:
        """Keep and show the numbers after `step` steps, and say what is wrong with them.

        Args:
            step: Steps done.
            values: The numbers by name.
            strength: Of the gradient reversal.
        """
        self._log.write(step, values)
        self._live.show(step, values)
        for warning in self._watch.see(step, values, strength):
            logger.warning("step %d: %s", step, warning)

    def panel(self, step: int, network: SegmentationNetwork, batch: Batch) -> None:
        """Keep a picture of what the network makes of a batch."""
        self._log.picture(step, "panel", predict_panel(network, batch, self._classes))

    def sync(self) -> None:
        """Make what was logged survive a power cut; called before a checkpoint."""
        self._log.sync()

    def state(self) -> dict[str, Any]:
        """Return what the warnings depend on, as plain values for a checkpoint."""
        return self._watch.state()


@contextmanager
def opened_display(
    run_dir: Path,
    recipe: TrainRecipe,
    classes: ClassSet,
    start: tuple[int, Mapping[str, Any]],
    wandb_project: str | None,
) -> Iterator[Display]:
    """Yield the display of a run.

    Args:
        run_dir: The run folder.
        recipe: The run's.
        classes: What its network learns.
        start: Steps done before, and the state that its display had then.
        wandb_project: Project of W&B to write to as well; None for no W&B.
    """
    step, state = start
    watch = Watch(recipe)
    watch.restore(state)
    facts = recipe.model_dump(mode="json")
    with (
        MetricsLog(run_dir, step, wandb_project=wandb_project, facts=facts) as log,
        Live(recipe.steps, step) as live,
    ):
        yield Display(log, live, watch, classes)
