"""The whole way on real samples, by the commands that a user types."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from tests.conftest import ROOT
from vsda.training.checkpoint import list_checkpoints, load_checkpoint

SMALL = (
    "steps=20",
    "size_px=64",
    "batch_images=2",
    "batch_videos=2",
    "workers=1",
    "log_every=1",
    "checkpoint_every=5",
    "network.decoder_channels=64",
)


def train_command(shards, run_dir):
    command = ["train", "swin-patch", "--init", "none", "--images", shards / "coco-train"]
    command += ["--videos", shards / "davis-train", "--run", run_dir, "--resume"]
    for setting in SMALL:
        command += ["--set", setting]
    return [str(part) for part in command]


@pytest.fixture
def shards(real_samples, vsda, tmp_path):
    """Real DAVIS and COCO as shards."""
    out = tmp_path / "shards"
    for dataset in ("davis", "coco"):
        vsda(
            "prepare",
            dataset,
            "--root",
            real_samples / dataset,
            "--remap",
            "coco",
            "--classes",
            "shared",
            "--out",
            out,
        )
    return out


def test_real_samples_to_mean_iou_and_a_killed_run_ends_with_the_same_bits(shards, vsda, tmp_path):
    listed = json.loads(vsda("shards", "list", shards, "--json").stdout)
    counts = {row["name"]: row["num_samples"] for row in listed}
    assert counts == {"davis-train": 107, "davis-val": 112, "coco-train": 3, "coco-val": 5}
    vsda("shards", "verify", shards)

    vsda(*train_command(shards, tmp_path / "whole"))
    kill_at(train_command(shards, tmp_path / "killed"), tmp_path / "killed", step=11)
    vsda(*train_command(shards, tmp_path / "killed"))
    assert same_weights(tmp_path / "whole", tmp_path / "killed")

    scores = json.loads(vsda("evaluate", tmp_path / "whole", shards / "davis-val", "--json").stdout)
    assert 0 <= scores["mean_iou"] <= 1
    assert scores["num_frames"] == 112
    assert set(scores["videos"]) == {"blackswan", "car-shadow", "dance-twirl", "libby"}
    assert set(scores["absent"]).isdisjoint({"background", "person", "car", "bird", "dog"})
    report = vsda("report", tmp_path / "whole", "--out", tmp_path / "report.html")
    assert "report.html" in report.stdout


def kill_at(command, run_dir, step):
    """Run a training command and SIGKILL it as soon as it has logged `step`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vsda", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    metrics = run_dir / "metrics.jsonl"
    while process.poll() is None:
        if metrics.is_file() and metrics.read_bytes().count(b"\n") >= step:
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.005)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"


def same_weights(one, other):
    first, second = (load_checkpoint(list_checkpoints(run)[-1]) for run in (one, other))
    assert first.step == second.step == 20
    return all(torch.equal(value, second.network[key]) for key, value in first.network.items())


def test_preparing_twice_gives_the_same_bytes(real_samples, vsda, tmp_path):
    hashes = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        vsda(
            "prepare", "davis", "--root", real_samples / "davis", "--out", out, "--workers", workers
        )
        files = sorted(out.iterdir())
        hashes.append([(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in files])
    assert hashes[0] == hashes[1]
    assert hashes[0]
