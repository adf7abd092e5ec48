"""A run that is killed anywhere and started again gives the bytes of a run that was not."""

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from tests.fake_worlds import davis_of_many_shards, snapshot, write
from vsda.prepare import PrepareOptions, prepare
from vsda.shards.index import open_set
from vsda.shards.verify import verify

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.modules["torch"] = None  # the data part does without, and starts sooner
from pathlib import Path
from vsda.prepare import PrepareOptions, prepare
root, out, num_workers = sys.argv[1:]
options = PrepareOptions(
    root=Path(root), out=Path(out), split="train", shard_mb=1, num_workers=int(num_workers),
)
prepare("davis", options)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A DAVIS of five shards, one of whose frames is broken."""
    tree = davis_of_many_shards(tmp_path_factory.mktemp("world") / "davis")
    write(tree.image("lucia", 1), b"broken" + bytes(400_000))
    return tree.root


def options_of(root, out, **more):
    chosen = {"split": "train", "shard_mb": 1, "num_workers": 1} | more
    return PrepareOptions(root=root, out=out, **chosen)


@pytest.fixture(scope="module")
def undisturbed(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    prepare("davis", options_of(root, out))
    return snapshot(out)


def die_at(event, options):
    """Run `prepare` in a child that kills itself at its n-th rename, deletion or flush.

    Returns whether the child lived to the end.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child of a fork has one thread
        child = os.fork()
    if child == 0:
        _kill_at(event)
        prepare("davis", options)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _kill_at(event):
    left = [event]

    def counted(function):
        def call(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    Path.replace, Path.unlink, os.fsync = map(counted, (Path.replace, Path.unlink, os.fsync))


def check_published_set_is_whole(out):
    """A set whose index is there is whole, whatever lies in the staging folder beside it."""
    if (out / "davis-train.index.json").exists():
        problems = verify(open_set(str(out / "davis-train")))
        assert [row for row in problems if row.shard != ".davis-train.part"] == []


def test_a_run_killed_at_any_rename_deletion_or_flush_is_mended_by_the_next(root, tmp_path):
    prepare("davis", options_of(root, tmp_path / "undisturbed", shard_mb=3))
    expected = snapshot(tmp_path / "undisturbed")
    event, lived = 0, False
    while not lived:
        event += 1
        out = tmp_path / str(event)
        lived = die_at(event, options_of(root, out, shard_mb=3))
        check_published_set_is_whole(out)
        prepare("davis", options_of(root, out, shard_mb=3))
        assert snapshot(out) == expected, f"killed at event {event}"
    assert event > 30


def test_killing_a_run_that_replaces_a_set_is_mended_by_the_next(root, undisturbed, tmp_path):
    old = tmp_path / "old"
    prepare("davis", options_of(root, old, shard_mb=2, classes="person"))
    published = snapshot(old)
    event, lived = 0, False
    while not lived:
        event += 5
        out = tmp_path / str(event)
        for name, data in published.items():
            write(out / name, data)
        lived = die_at(event, options_of(root, out, overwrite=True))
        check_published_set_is_whole(out)
        prepare("davis", options_of(root, out, overwrite=True))
        assert snapshot(out) == undisturbed, f"killed at event {event}"


def test_a_killed_run_goes_on_from_its_finished_shards(root, tmp_path):
    out = tmp_path / "out"
    die_at(25, options_of(root, out))
    results = sorted((out / ".davis-train.part").glob("*.result.json"))
    assert 1 <= len(results) < 5
    before = results[0].stat().st_mtime_ns
    die_at(30, options_of(root, out))
    assert results[0].stat().st_mtime_ns == before
    assert len(list((out / ".davis-train.part").glob("*.result.json"))) > len(results)


@pytest.mark.parametrize(
    ("seed", "num_workers"),
    [
        (0, 1),
        (1, 2),
        *(pytest.param(seed, 1 + seed % 3, marks=pytest.mark.slow) for seed in range(2, 40)),
    ],
)
def test_a_run_killed_at_random_times_is_mended_by_the_next(
    root, undisturbed, tmp_path, seed, num_workers
):
    rng = random.Random(seed)
    out = tmp_path / "out"
    command = [sys.executable, "-c", SCRIPT, str(root), str(out), str(num_workers)]
    for num_results in sorted(rng.sample(range(5), 3)):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        _wait_for_results(process, out / ".davis-train.part", num_results)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()
        check_published_set_is_whole(out)
    subprocess.run(command, cwd=ROOT, check=True)
    assert snapshot(out) == undisturbed


def _wait_for_results(process, staging, num_results):
    """Wait until some shards are finished, or the process has come to its end."""
    while process.poll() is None:
        if staging.is_dir() and len(list(staging.glob("*.result.json"))) >= num_results:
            return
        time.sleep(0.002)
