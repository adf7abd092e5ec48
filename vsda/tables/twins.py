"""A network that several cells come to, of one table or of two: trained once, judged in each."""

import json
import os
import shutil
from pathlib import Path

from vsda.errors import RunError, VsdaError
from vsda.shards.index import open_set
from vsda.storage import PART_SUFFIX, write_atomic
from vsda.tables.cell import Cell, used_sets
from vsda.tables.record import CellRecord, State, look, read_record
from vsda.training.checkpoint import checkpoint_dir
from vsda.training.inputs import set_identity
from vsda.training.metrics_log import METRICS_FILE
from vsda.training.provenance import PROVENANCE_FILE, RECIPE_FILE, STARTS_FILE

_STREAMS = ("images", "videos", "labelled_videos")
_TEXTS = (RECIPE_FILE, PROVENANCE_FILE, STARTS_FILE, METRICS_FILE)


def adopt(cell: Cell, twin: Cell, record: CellRecord) -> CellRecord:
    """Give a cell what the training of its twin has left; return what is known then.

    Its run folder is one that can be judged and reported as any other, with the twin's recipe.
    Checkpoints lie on the disk but once where the file system has hard links.

    Args:
        cell: It has no network yet.
        twin: Trained.
        record: Of `cell`.

    Raises:
        RunError: The twin is not trained, or files of it are missing.
    """
    known = read_record(twin)
    if known is None or not known.is_trained:
        raise RunError(f"{twin.run_dir}: is not trained, and {cell.name} has the same network")
    try:
        for name in _TEXTS:
            write_atomic(cell.run_dir / name, (twin.run_dir / name).read_bytes())
        # What a try of the cell's own has left would be taken where the twin's file is damaged.
        shutil.rmtree(checkpoint_dir(cell.run_dir), ignore_errors=True)
        for path in sorted(checkpoint_dir(twin.run_dir).iterdir()):
            if path.suffix != PART_SUFFIX:
                _link(path, checkpoint_dir(cell.run_dir) / path.name)
    except FileNotFoundError as error:
        mend = "leave out --reuse" if twin.is_borrowed else f"remove {twin.run_dir}"
        raise RunError(
            f"{error.filename}: is missing, and {cell.name} has the same network; {mend} to train "
            "it anew"
        ) from error
    same = known.model_dump(include={"versions", "git_revision", "device", "threads"})
    return record.model_copy(update={**same, "is_trained": True, "twin": twin.name})


def check_borrowed(cell: Cell) -> None:
    """Check that another table's cell is still what it was, and trained on the data that is here.

    Sets that are not here cannot be compared.

    Args:
        cell: With the places that the sets have here.

    Raises:
        RunError: It is another one by now, or is gone, or its data were others.
    """
    state, _ = look(cell)
    if state is not State.DONE:
        raise RunError(
            f"{cell.run_dir}: is not the trained run any more that --reuse found there; call again"
        )
    path = cell.run_dir / PROVENANCE_FILE
    try:
        kept = json.loads(path.read_bytes())
        seen = {
            key: [(then["name"], then["index_sha256"]) for then in kept[key]] for key in _STREAMS
        }
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunError(f"{path}: cannot be read ({error}); leave out --reuse") from error
    used = used_sets(cell.recipe)
    for key in _STREAMS:
        for place, (name, index_sha256) in zip(used[key], seen[key], strict=False):
            _refuse_another(place, name, index_sha256, cell)


def _refuse_another(place: str, name: str, index_sha256: str, cell: Cell) -> None:
    try:
        now = set_identity(open_set(place))
    except VsdaError:
        return
    if now["index_sha256"] != index_sha256:
        raise RunError(
            f"{cell.run_dir}: was trained on another {name} than {place}; leave out "
            "--reuse to train here"
        )


def _link(path: Path, target: Path) -> None:
    """Let `target` be the file at `path`: nobody writes into a checkpoint that is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + PART_SUFFIX)
    part.unlink(missing_ok=True)  # of a try that was killed
    try:
        os.link(path, part)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, part)
    part.replace(target)
