"""What a run was made of: versions, revision, shards, class weights, initial weights."""

import json
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from vsda.recipes.train import TrainRecipe
from vsda.resources import resource_dir
from vsda.shards.index import ShardSet
from vsda.storage import write_atomic
from vsda.training.inputs import RunInputs, set_identity

RECIPE_FILE = "recipe.json"
PROVENANCE_FILE = "provenance.json"
STARTS_FILE = "starts.jsonl"
_PACKAGES = (
    "vsda",
    "torch",
    "torchvision",
    "timm",
    "lightning-fabric",
    "numpy",
    "pillow",
    "simplejpeg",
    "webdataset",
)


def provenance(
    inputs: RunInputs, initial: dict[str, Any] | None, validation: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the record of a run as plain values.

    Args:
        inputs: The sets, and the weights of the cross-entropy.
        initial: File, hash and key report of the initial weights, None for random ones.
        validation: The sets that choose the best checkpoint, None for a run that has none.
    """
    return {
        **_program(),
        **{name: list(map(_set_record, found)) for name, found in inputs.sets().items()},
        "class_weights": asdict(inputs.weights),
        "initial_weights": initial,
        "validation": validation,
    }


def start_record(recipe: TrainRecipe, fabric: Fabric, step: int) -> dict[str, Any]:
    """Return what a start of a run is done with: a run that is resumed has several.

    Args:
        recipe: As it is now; what does not decide the weights may have changed.
        fabric: The devices.
        step: Steps done before.
    """
    device = fabric.device
    return {
        "step": step,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "processes": fabric.world_size,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "precision": recipe.precision,
        "accumulate": recipe.accumulate,
        "compile": recipe.compile,
        "channels_last": recipe.channels_last,
        **_program(),
    }


def write_start(run_dir: Path, record: dict[str, Any]) -> None:
    """Append the record of a start to the run folder's `starts.jsonl`."""
    path = run_dir / STARTS_FILE
    before = path.read_bytes() if path.is_file() else b""
    write_atomic(path, before + json.dumps(record).encode() + b"\n")


def write_recipe(run_dir: Path, recipe: TrainRecipe) -> None:
    """Write the resolved recipe into the run folder."""
    text = json.dumps(recipe.model_dump(mode="json"), indent=2) + "\n"
    write_atomic(run_dir / RECIPE_FILE, text.encode())


def _program() -> dict[str, Any]:
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in _PACKAGES},
        "git_revision": git_revision(),
    }


def write_provenance(run_dir: Path, record: dict[str, Any]) -> None:
    """Write the record into the run folder."""
    write_atomic(run_dir / PROVENANCE_FILE, json.dumps(record, indent=2).encode() + b"\n")


def git_revision() -> str | None:
    """Return the revision of the checkout that the package runs from, None for a wheel."""
    checkout = resource_dir("manifests").parent
    if not (checkout / ".git").exists():
        return None
    process = subprocess.run(
        ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40"],
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stdout.strip() or None


def _set_record(shard_set: ShardSet) -> dict[str, Any]:
    place = {"folder": shard_set.folder, "num_samples": shard_set.index.num_samples}
    return set_identity(shard_set) | place
