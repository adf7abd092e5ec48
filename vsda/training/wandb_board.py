"""A run in W&B. Its files lie in the run folder, so that a run without a network can be sent later.

The id is kept there, too: a resumed run goes on in the same W&B run.
"""

import importlib.util
import json
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsda.errors import UsageError
from vsda.storage import write_atomic
from vsda.training.boards import Pixels

if TYPE_CHECKING:
    import wandb

logger = logging.getLogger(__name__)

WANDB_FILE = "wandb.json"
_FINISH_TIMEOUT_S = 60.0
"""After it, what is not yet sent stays in the run folder: a machine must not wait for a network."""


def require_wandb() -> None:
    """Raise UsageError unless the package is there; to be called before anything starts."""
    if importlib.util.find_spec("wandb") is None:
        raise UsageError(
            "a W&B project was given, but the package wandb is not installed; "
            "pip install 'vsda[wandb]', or leave the project out"
        )


class WandbBoard:
    """Sends numbers and pictures to W&B, or keeps them for it where it cannot be reached.

    Each row carries the run's own step, since W&B's count only rises: the rows that a resumed run
    writes again would be dropped.

    Args:
        run_dir: The run folder, which W&B's files lie in.
        project: In W&B; a run folder that is resumed with another one begins a new W&B run.
        facts: What W&B shows as the run's configuration.
    """

    def __init__(self, run_dir: Path, project: str, facts: Mapping[str, Any]) -> None:
        with _environment(WANDB_CACHE_DIR=str(run_dir / "wandb" / "cache")):
            self._run = _begin(run_dir, project, facts)
        self._run.define_metric("*", step_metric="step")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Send the `values` of `step`."""
        self._run.log({"step": step, **values})

    def picture(self, step: int, name: str, pixels: Pixels) -> None:
        """Send a picture of `step`."""
        import wandb  # noqa: PLC0415  takes seconds, and most runs do without

        self._run.log({"step": step, f"panels/{name}": wandb.Image(pixels)})

    def close(self, *, failed: bool) -> None:
        """Send what is left, as long as that takes no more than a minute."""
        self._run.finish(exit_code=int(failed))


def _begin(run_dir: Path, project: str, facts: Mapping[str, Any]) -> "wandb.Run":
    """Return the W&B run; one that is kept in the folder where W&B cannot be reached."""
    import wandb  # noqa: PLC0415  takes seconds, and most runs do without

    settings = wandb.Settings(
        console="off",  # it would take hold of the terminal that the progress is drawn on
        silent=True,
        disable_git=True,
        save_code=False,
        finish_timeout=_FINISH_TIMEOUT_S,
    )
    how: dict[str, Any] = {
        "project": project,
        "id": _kept_id(run_dir, project),
        "name": run_dir.name,
        "dir": run_dir,
        "config": dict(facts),
        "reinit": "create_new",
        "settings": settings,
    }
    if os.environ.get("WANDB_MODE", "online") != "online":
        return wandb.init(**how)
    try:
        return wandb.init(**how, resume="allow")
    except wandb.Error as error:
        logger.warning(
            "W&B cannot be reached: %s; what is for it is kept: `wandb sync %s` sends it",
            " ".join(str(error).split()),
            run_dir / "wandb" / "offline-run-*",
        )
        return wandb.init(**how, mode="offline")


def _kept_id(run_dir: Path, project: str) -> str:
    """Return the id that the folder's run has in `project`, made up when first asked for."""
    path = run_dir / WANDB_FILE
    kept = json.loads(path.read_bytes()) if path.is_file() else {}
    if kept.get("project") != project:
        kept = {"project": project, "id": secrets.token_hex(8)}
        write_atomic(path, json.dumps(kept).encode() + b"\n")
    return str(kept["id"])


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Have `values` in the environment for a while, where the user has set no others."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
