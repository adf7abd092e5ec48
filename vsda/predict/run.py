"""`predict`: a run's network on videos and pictures, as files.

Three threads share the work: one decodes, one has the network, this one draws and encodes. Between
them a batch of frames waits at most, so that memory does not depend on the length of a video.
"""

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from vsda import __version__
from vsda.errors import StoppedError, UsageError, VsdaError
from vsda.evaluation.trained import TrainedNetwork, open_run
from vsda.predict.ahead import ahead
from vsda.predict.frame import Ending, Prediction
from vsda.predict.network import predict_stream
from vsda.predict.options import Seen, Written, check_written
from vsda.predict.outputs import Outputs, Report
from vsda.predict.places import check_free, staging
from vsda.predict.sources import Source, open_source
from vsda.progress import progress
from vsda.signals import STOP_CODES, stop_signals
from vsda.taxonomy import class_names

logger = logging.getLogger(__name__)

BATCH_FRAMES = 16
"""As many as `evaluate` predicts at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictOptions:
    """How inputs are predicted.

    Attributes:
        seen: Which frames, and how the network sees them.
        written: Which files become of it.
        checkpoint: Another checkpoint than the run's latest, see `find_checkpoint`.
        raw: Take the weights of the last step even where the run keeps an average of them.
        batch_frames: Frames that are predicted at once.
        device: Where the network runs, by torch's name; None for a GPU if there is one.
    """

    seen: Seen
    written: Written
    checkpoint: Path | None = None
    raw: bool = False
    batch_frames: int = BATCH_FRAMES
    device: str | None = None


def predict(run_dir: Path, inputs: Sequence[str], options: PredictOptions) -> Report:
    """Write what a run's network says about each of `inputs`; see `vsda.predict.places`.

    An input that cannot be read costs itself alone; of a video that is damaged, the frames before
    the damage are predicted. Both are in the report.

    Raises:
        RunError: The run has no such checkpoint.
        UsageError: Options that make no sense, no such device, or outputs that may not be replaced.
        StoppedError: A signal asked for an end; complete videos stay.
    """
    report, device = Report(), _device(options.device)
    sources = list(_opened(inputs, report))
    names = [name for _, source in sources for name in source.names]
    check_written(options.written, names)
    check_free(options.written.out, names, overwrite=options.written.overwrite)
    if not sources:
        return report
    trained = open_run(run_dir, options.checkpoint, raw=options.raw)
    seen = replace(options.seen, size_px=options.seen.size_px or trained.recipe.size_px)
    options = replace(options, seen=seen)
    with (
        stop_signals(signal.SIGINT, signal.SIGTERM) as caught,
        staging(options.written.out) as part,
    ):
        record = _record(run_dir, trained, seen)
        outputs = Outputs(part, options.written, trained.classes, record, report)
        work = _Work(trained, options, device, outputs, report, caught)
        try:
            for number, (text, source) in enumerate(sources, start=1):
                of = f" ({number} of {len(sources)})" if len(sources) > 1 else ""
                work.predict(text, source, f"predict {text}{of}")
        finally:
            outputs.abort()
    return report


def _device(name: str | None) -> torch.device:
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # of a torch without CUDA, the latter
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--device {name}: cannot be used here: {reason}") from error
    return torch.device(name)


def _opened(inputs: Sequence[str], report: Report) -> Iterator[tuple[str, Source]]:
    for text in inputs:
        try:
            yield text, open_source(text)
        except UsageError:
            raise
        except VsdaError as error:
            report.fail(text, error)


@dataclass(frozen=True, slots=True)
class _Work:
    """One command: what it works with, and the signals that asked it to stop."""

    trained: TrainedNetwork
    options: PredictOptions
    device: torch.device
    outputs: Outputs
    report: Report
    caught: list[signal.Signals]

    def predict(self, text: str, source: Source, label: str) -> None:
        """Predict the videos of a source; what it fails with goes into the report."""
        try:
            total = source.count(self.options.seen)
            for _ in progress(self._steps(source), label, total):
                pass
        except StoppedError:
            raise
        except VsdaError as error:
            self.outputs.abort()
            self.report.fail(text, error)

    def _steps(self, source: Source) -> Iterator[None]:
        """Yield after each frame that is written."""
        most = self.options.batch_frames

        def make() -> Iterator[Prediction | Ending]:
            with closing(ahead(lambda: source.frames(self.options.seen), most)) as events:
                yield from predict_stream(self.trained, events, most, self.device)

        with closing(ahead(make, most, self._check)) as events, closing(source):
            for event in events:
                if isinstance(event, Ending):
                    self.outputs.end(event)
                else:
                    self.outputs.add(event)
                    yield

    def _check(self) -> None:
        if not self.caught:
            return
        name, done = self.caught[0].name, len(self.report.videos)
        raise StoppedError(
            STOP_CODES[self.caught[0]],
            f"stopped by {name}; videos that are complete: {done}; nothing is left of the others",
        )


def _record(run_dir: Path, trained: TrainedNetwork, seen: Seen) -> dict[str, Any]:
    """Return what makes the predictions."""
    names = class_names()
    return {
        "vsda": __version__,
        "run": run_dir.name,
        "checkpoint": trained.checkpoint.name if trained.checkpoint else None,
        "step": trained.step,
        "weights": "average" if trained.is_average else "last step",
        "classes": {coco_id: names[coco_id] for coco_id in (0, *trained.classes.ids)},
        "size_px": seen.size_px,
        "fps": "native" if seen.rate is None else str(seen.rate),
        "start_s": float(seen.start_s),
        "stop_s": None if seen.stop_s is None else float(seen.stop_s),
    }
