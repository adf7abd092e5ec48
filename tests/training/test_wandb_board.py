"""A run in W&B, by its real package, which keeps runs in the run folder where told to.

Each part runs in a process and a home of its own: W&B's service outlives the run that began it.
"""

import json
import os
import struct
import subprocess
import sys

import pytest

from vsda.errors import UsageError
from vsda.training.metrics_log import MetricsLog

pytest.importorskip("wandb")

SCRIPT = """
import logging, sys
from pathlib import Path
import numpy as np
from vsda.training.metrics_log import MetricsLog
logging.basicConfig(format="%(message)s")
run_dir, start_step, *steps = sys.argv[1:]
with MetricsLog(Path(run_dir), int(start_step), wandb_project="tests", facts={"seed": 7}) as log:
    for step in map(int, steps):
        log.write(step, {"loss": step / 10})
        log.picture(step, "images", np.zeros((8, 12, 3), dtype=np.uint8))
"""
FULL, LAST = 1, 4
NAMES = ("WANDB_", "HOME", "XDG_")


def run(home, *arguments, **environment):
    """Run the script; returns what it says on both streams."""
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NAMES)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, *map(str, arguments)],
        env=kept | {"HOME": str(home)} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def records(run_dir):
    """Return the records of each offline run that the folder holds, oldest first."""
    from wandb.proto.wandb_internal_pb2 import Record

    paths = sorted(run_dir.glob("wandb/offline-run-*/*.wandb"))
    return [[Record.FromString(data) for data in log_entries(path.read_bytes())] for path in paths]


def log_entries(data):
    """Yield what a log of LevelDB's layout holds: pieces that never cross a block of 32 KiB."""
    at, entry = 7, b""  # after the head of the file
    while at < len(data):
        if (room := -at % 32768) < 7:
            at += room
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)  # after the checksum
        entry += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {FULL, LAST}:
            yield entry
            entry = b""


def rows(found):
    """Return the logged rows of one run."""
    histories = [record.history for record in found if record.HasField("history")]
    items = [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in each.item}
        for each in histories
    ]
    return [{key: row[key] for key in row if not key.startswith("_")} for row in items]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """A run of three rows, offline, that goes on after the second where nobody is logged in.

    Returns the folder of its home and run, and what either part said.
    """
    folder = tmp_path_factory.mktemp("wandb")
    home, run_dir = folder / "home", folder / "run"
    return folder, [
        run(home, run_dir, 0, 1, 2, 3, WANDB_MODE="offline"),
        run(home, run_dir, 2, 3, 4),
    ]


def test_rows_carry_the_steps_of_the_run(resumed):
    folder, _ = resumed
    first, second = map(rows, records(folder / "run"))
    assert [(row["step"], row["loss"]) for row in first if "loss" in row] == [
        (1, 0.1),
        (2, 0.2),
        (3, 0.3),
    ]
    assert [row["step"] for row in second if "loss" in row] == [3, 4]


def test_pictures_are_sent_with_the_steps_of_the_run(resumed):
    folder, _ = resumed
    first, _ = map(rows, records(folder / "run"))
    pictures = [row for row in first if "panels/images._type" in row]
    assert [row["step"] for row in pictures] == [1, 2, 3]
    assert [row["panels/images.width"] for row in pictures] == [12, 12, 12]


def test_a_resumed_run_goes_on_in_the_same_wandb_run(resumed):
    folder, _ = resumed
    kept = json.loads((folder / "run" / "wandb.json").read_text())
    ids = {
        record.run.run_id
        for found in records(folder / "run")
        for record in found
        if record.HasField("run")
    }
    assert ids == {kept["id"]}
    assert kept["project"] == "tests"


def test_the_recipe_is_the_configuration_of_the_run(resumed):
    folder, _ = resumed
    run_record = next(record.run for record in records(folder / "run")[0] if record.HasField("run"))
    config = {item.key: json.loads(item.value_json) for item in run_record.config.update}
    assert config["seed"] == 7


def test_everything_of_it_lies_below_the_run_folder(resumed):
    folder, _ = resumed
    assert [path for path in (folder / "home").rglob("*") if path.is_file()] == []


def test_it_says_nothing_and_leaves_stdout_clean(resumed):
    _, (offline, _) = resumed
    assert offline == ("", "")


def test_where_nobody_is_logged_in_the_run_is_kept_to_be_sent_later(resumed):
    folder, (_, (out, told)) = resumed
    assert out == ""
    assert told.startswith("W&B cannot be reached: ")
    assert f"`wandb sync {folder}/run/wandb/offline-run-*` sends it" in told
    assert told.count("\n") == 1


def test_without_the_package_nothing_starts(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # which is how Python says "not there"
    with pytest.raises(UsageError, match=r"a W&B project .* pip install 'vsda\[wandb\]', or leave"):
        MetricsLog(tmp_path / "run", 0, wandb_project="tests")
    assert not (tmp_path / "run").exists()
