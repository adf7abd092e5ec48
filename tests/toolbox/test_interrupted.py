"""Runs that are killed anywhere and started again give the bytes of runs that were not."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fake_worlds import snapshot
from tests.shards.frames import frame, make_set
from tests.toolbox.kills import die_at
from tests.toolbox.scenes import ONE, make_scenes, scene
from vsda.shards.index import open_sets
from vsda.shards.verify import verify
from vsda.toolbox.merge import merge_sets
from vsda.toolbox.resize import resize_sets
from vsda.toolbox.smaller import Resize
from vsda.toolbox.split import Parts, split_set

ROOT = Path(__file__).parents[2]


def resize(source, out, **more):
    return resize_sets([str(source)], out, Resize(short_side_px=16), workers=ONE, **more)


def merge(source, out, **more):
    return merge_sets([str(source)], out, "all", workers=ONE, **more)


def split(source, out, **more):
    parts = Parts(shares="train=0.5,val=0.5")
    return split_set(str(source / "davis-train"), out, parts, workers=ONE, **more)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    make_scenes(folder, num_shards=2)
    make_set(folder, [[frame(0, "cows")]], name="more")
    return folder


def check_published_sets_are_whole(out):
    """A set whose index is there is whole, whatever lies in the staging folder beside it."""
    for shard_set in open_sets(str(out)) if list(out.glob("*.index.json")) else []:
        problems = verify(shard_set)
        assert [row for row in problems if not row.shard.startswith(".")] == []


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("tool", [resize, merge, split])
def test_a_run_killed_at_any_rename_deletion_or_flush_is_mended_by_the_next(
    tool, stride, source, tmp_path
):
    tool(source, tmp_path / "undisturbed")
    expected = snapshot(tmp_path / "undisturbed")
    event, lived = 0, False
    while not lived:
        event += stride
        out = tmp_path / str(event)
        lived = die_at(event, lambda out=out: tool(source, out))
        if out.is_dir():
            check_published_sets_are_whole(out)
        tool(source, out)
        assert snapshot(out) == expected, f"killed at event {event}"
    assert event > 30


@pytest.mark.parametrize("stride", [12, pytest.param(2, marks=pytest.mark.slow)])
def test_killing_a_run_that_replaces_a_set_is_mended_by_the_next(stride, source, tmp_path):
    def again(out):
        return resize_sets(
            [str(source)], out, Resize(short_side_px=32), workers=ONE, overwrite=True
        )

    again(tmp_path / "undisturbed")
    expected = snapshot(tmp_path / "undisturbed")
    event, lived = 0, False
    while not lived:
        event += stride
        out = tmp_path / str(event)
        resize(source, out)
        lived = die_at(event, lambda out=out: again(out))
        check_published_sets_are_whole(out)
        again(out)
        assert snapshot(out) == expected, f"killed at event {event}"


def test_a_killed_run_goes_on_from_its_finished_shards(source, tmp_path):
    die_at(12, lambda: resize(source, tmp_path / "out"))
    staging = tmp_path / "out/.davis-train.part"
    results = sorted(staging.glob("*.result.json"))
    assert len(results) == 1
    before = results[0].stat().st_mtime_ns
    die_at(12, lambda: resize(source, tmp_path / "out"))
    assert results[0].stat().st_mtime_ns == before
    assert len(list(staging.glob("*.result.json"))) > len(results)


def test_what_a_killed_run_with_other_options_left_is_not_used(source, tmp_path):
    die_at(12, lambda: resize(source, tmp_path / "out"))
    other = Resize(short_side_px=32)
    for name in ("out", "undisturbed"):
        resize_sets([str(source)], tmp_path / name, other, workers=ONE)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "undisturbed")


def test_to_overwrite_is_to_begin_anew(source, tmp_path):
    resize(source, tmp_path / "undisturbed")
    die_at(12, lambda: resize(source, tmp_path / "out"))
    (tar,) = (tmp_path / "out/.davis-train.part").glob("*.tar")
    tar.write_bytes(bytes(tar.stat().st_size))
    resize(source, tmp_path / "out", overwrite=True)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "undisturbed")


SCRIPT = """
import sys
sys.modules["torch"] = None  # the data part does without, and starts sooner
from vsda.engine.run import Workers
from vsda.toolbox.resize import resize_sets
from vsda.toolbox.smaller import Resize
if __name__ == "__main__":
    two = Workers(num_workers=2)
    resize_sets([sys.argv[1]], sys.argv[2], Resize(short_side_px=32), workers=two)
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A set of twelve shards, and what resizing it gives."""
    folder = tmp_path_factory.mktemp("many")
    make_set(
        folder / "in",
        [[scene(0, f"s{shard}", width_px=480, height_px=320)] for shard in range(12)],
    )
    resize_sets([str(folder / "in")], folder / "out", Resize(short_side_px=32), workers=ONE)
    return folder


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 15))]
)
def test_a_run_of_several_workers_killed_at_random_times_is_mended_by_the_next(
    many, tmp_path, seed
):
    rng = random.Random(seed)
    command = [sys.executable, "-c", SCRIPT, str(many / "in"), str(tmp_path / "out")]
    staging = tmp_path / "out/.davis-train.part"
    for num_results in sorted(rng.sample(range(1, 12), 2)):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            if len(list(staging.glob("*.result.json"))) >= num_results:
                break
            time.sleep(0.002)
        process.kill()
        process.wait()
        if (tmp_path / "out").is_dir():
            check_published_sets_are_whole(tmp_path / "out")
    subprocess.run(command, cwd=ROOT, check=True)
    assert snapshot(tmp_path / "out") == snapshot(many / "out")
