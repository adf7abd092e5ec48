"""Checkpoints: written whole or not at all, and holding all that a resumed run needs.

The places in the streams, the learning rates and every random draw are pure functions of the step,
so what must be kept besides it are the weights, the states of optimisers and scale, and what the
run has counted.
"""

import hashlib
import io
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from vsda.errors import RunError
from vsda.models.weights.files import DAMAGE, read_saved
from vsda.storage import PART_SUFFIX, sha256_file, write_atomic

logger = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{6,})\.pt")
BEST = "best.json"
"""Says which checkpoint has the best score on the validation sets."""
_LONGEST = 200
_KINDS = {"step": int, "optimizers": list}
"""What lies under a key; a dict under all others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """The state of a run after `step` steps.

    Attributes:
        step: Steps done.
        network: State of the segmentation network.
        ema: State of the averaged network; empty in a run without.
        teacher: State of the network whose answers to unlabelled frames are learnt; empty in a run
            without, and in checkpoints from before there were such runs.
        adversarial: State of the discriminator and the centroids; empty in a source-only run.
        optimizers: States in the order of `build_optimizations`.
        scaler: State of the scale of losses in 16 bits; empty without.
        recipe: The resolved recipe as plain values.
        inputs: What it was trained on, see `RunInputs.identity`.
        meter: The numbers since the last row of the log, by name.
        counted: What the run has counted: steps left out, samples replaced, the best score, what
            its warnings depend on.
    """

    step: int
    network: Mapping[str, Any]
    ema: Mapping[str, Any]
    adversarial: Mapping[str, Any]
    optimizers: list[Mapping[str, Any]]
    scaler: Mapping[str, Any]
    recipe: Mapping[str, Any]
    inputs: Mapping[str, Any]
    meter: Mapping[str, Any]
    counted: Mapping[str, Any]
    teacher: Mapping[str, Any] = field(default_factory=dict)


_KEYS = tuple(field.name for field in fields(Checkpoint))
_LATER = {"teacher"}
"""Those that older checkpoints lack."""


def checkpoint_dir(run_dir: Path) -> Path:
    """Return the folder of a run's checkpoints."""
    return run_dir / "checkpoints"


def has_checkpoint_name(path: Path) -> bool:
    """Return whether a file is called as this program calls its checkpoints."""
    return _NAME.fullmatch(path.name) is not None


def save_checkpoint(
    run_dir: Path, checkpoint: Checkpoint, keep: int, *, score: float | None = None
) -> Path:
    """Write `checkpoint`, with its SHA-256 beside it, and drop all but the latest `keep`.

    Args:
        run_dir: The run folder.
        checkpoint: What to write.
        keep: Checkpoints that stay, the best one not counted.
        score: Makes it the best one so far.
    """
    buffer = io.BytesIO()
    torch.save({key: getattr(checkpoint, key) for key in _KEYS}, buffer)
    path = checkpoint_dir(run_dir) / f"step-{checkpoint.step:06d}.pt"
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    # The hash comes first: a checkpoint is never without it, wherever a kill strikes.
    write_atomic(_digest_path(path), f"{digest}  {path.name}\n".encode())
    write_atomic(path, buffer.getvalue())
    if score is not None:
        best = {"step": checkpoint.step, "score": score, "file": path.name}
        write_atomic(path.with_name(BEST), json.dumps(best).encode() + b"\n")
    kept, latest = best_checkpoint(run_dir), list_checkpoints(run_dir)
    # Later ones were damaged, as the run went on from an earlier one: they are no longer its own.
    whole = latest[: latest.index(path) + 1]
    for old in [*whole[:-keep], *latest[len(whole) :]]:
        if old != kept:
            old.unlink()
            _digest_path(old).unlink(missing_ok=True)
    for left in path.parent.glob(f"*{PART_SUFFIX}"):  # by a killed process: a run has one writer
        left.unlink()
    return path


def best_checkpoint(run_dir: Path) -> Path | None:
    """Return the checkpoint with the best score on the validation sets, None if there is none."""
    folder = checkpoint_dir(run_dir)
    try:
        name = json.loads((folder / BEST).read_bytes())["file"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    path = folder / Path(str(name)).name
    return path if path.is_file() else None


def list_checkpoints(run_dir: Path) -> list[Path]:
    """Return a run's checkpoints by ascending step."""
    found = filter(has_checkpoint_name, checkpoint_dir(run_dir).glob("step-*.pt"))
    return sorted(found, key=lambda path: int(path.stem.partition("-")[2]))


def latest_checkpoint(run_dir: Path) -> Checkpoint | None:
    """Return the newest whole checkpoint of a run; damaged ones are told and passed over.

    Raises:
        RunError: There are checkpoints and none of them is whole.
    """
    path = newest_whole(run_dir)
    return None if path is None else load_checkpoint(path)


def newest_whole(run_dir: Path) -> Path | None:
    """Return where the newest whole checkpoint of a run lies, None where there is none at all.

    Damaged ones are told and passed over.

    Raises:
        RunError: There are checkpoints and none of them is whole.
    """
    paths = list_checkpoints(run_dir)
    for path in reversed(paths):
        try:
            load_checkpoint(path)
        except RunError as error:
            logger.warning("%s; trying the one before", error)
        else:
            return path
    if paths:
        raise RunError(f"{checkpoint_dir(run_dir)}: none of {len(paths)} checkpoints is whole")
    return None


def load_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint at `path`.

    Raises:
        RunError: Missing, cut, changed since it was written, or not a checkpoint of this program.
    """
    if not path.is_file():
        raise RunError(f"{path}: no such checkpoint")
    check_digest(path)
    try:
        with path.open("rb") as file:
            raw = read_saved(file)
    except DAMAGE as error:
        message = " ".join(str(error).split())[:_LONGEST]
        raise RunError(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__}: {message})"
        ) from error
    if not isinstance(raw, dict) or not set(_KEYS) - _LATER <= raw.keys():
        raise RunError(f"{path}: not a checkpoint of a training run; expected the keys {_KEYS}")
    found = {key: raw[key] for key in _KEYS if key in raw}
    for key, value in found.items():
        kind = _KINDS.get(key, dict)
        if not isinstance(value, kind):
            raise RunError(
                f"{path}: not a checkpoint of a training run; its {key!r} is a"
                f" {type(value).__name__}, expected a {kind.__name__}"
            )
    return Checkpoint(**found)


def check_digest(path: Path) -> None:
    """Compare a checkpoint with the SHA-256 that was written beside it, if it still lies there.

    Raises:
        RunError: It was changed since.
    """
    beside = _digest_path(path)
    if not beside.is_file():
        return  # a checkpoint that somebody copied alone: the checks of its content must do
    expected = beside.read_bytes().partition(b" ")[0].strip()
    if sha256_file(path).encode() != expected:
        raise RunError(f"{path}: damaged: its SHA-256 is not the one in {beside.name}")


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")
