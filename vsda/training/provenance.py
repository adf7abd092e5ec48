"""What a run was made of: versions, revision, shards, class weights, initial weights."""

import json
import platform
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vsda.resources import resource_dir
from vsda.shards.index import ShardSet
from vsda.storage import write_atomic
from vsda.training.inputs import RunInputs, set_identity

PROVENANCE_FILE = "provenance.json"
_PACKAGES = ("vsda", "torch", "torchvision", "timm", "lightning", "numpy", "pillow", "webdataset")


def provenance(inputs: RunInputs, initial: dict[str, Any] | None) -> dict[str, Any]:
    """Return the record of a run as plain values.

    Args:
        inputs: The sets, and the weights of the cross-entropy.
        initial: File, hash and key report of the initial weights, None for random ones.
    """
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in _PACKAGES},
        "git_revision": git_revision(),
        **{name: list(map(_set_record, found)) for name, found in inputs.sets().items()},
        "class_weights": asdict(inputs.weights),
        "initial_weights": initial,
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
