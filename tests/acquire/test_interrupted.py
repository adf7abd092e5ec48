"""Kills, signals and full disks: what is done is kept, and the end is the same."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.acquire.conftest import published
from tests.acquire.made_videos import make_world
from tests.fetch.servers import FaultyServer


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """Fourteen videos, thirteen of them in the mirror."""
    return make_world(tmp_path_factory.mktemp("larger"), num_videos=14, missing=(5,))


def command(world, out, *arguments, mirror=None):
    return [
        *(sys.executable, "-m", "vsda", "fetch", "ytbb", "--annotations", world / "rows.csv"),
        *("--mirror", mirror or world / "videos", "--classes", "all", "--out", out),
        *("--videos-per-shard", "3", "--workers", "2", "--set", "backoff_s=0.1", *arguments),
    ]


def start(*arguments, **keywords):
    return subprocess.Popen(
        list(map(str, command(*arguments, **keywords))),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process, code):
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, out + err
    return out, err


@pytest.fixture(scope="module")
def undisturbed(larger, tmp_path_factory):
    """What a run without a kill publishes, and how long it takes."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    begin = time.monotonic()
    finish(start(larger, out), 3)
    return published(out), time.monotonic() - begin


def kill_and_finish(world, out, after_s, mirror):
    process = start(world, out, mirror=mirror)
    time.sleep(after_s)
    process.kill()
    process.communicate()
    finish(start(world, out, mirror=mirror), 3)


def check_kills(seeds, world, undisturbed, tmp_path, mirror=None):
    expected, whole_s = undisturbed
    for seed in seeds:
        out = tmp_path / f"out-{seed}"
        kill_and_finish(world, out, random.Random(seed).uniform(0.2, 1.0) * whole_s, mirror)
        assert published(out) == expected, f"seed {seed}"


@pytest.mark.parametrize("group", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_anywhere_ends_with_the_same_bytes(
    group, larger, undisturbed, tmp_path
):
    check_kills(range(group * 3, group * 3 + 3), larger, undisturbed, tmp_path)


@pytest.mark.parametrize("group", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_while_it_downloads_ends_with_the_same_bytes(
    group, larger, undisturbed, tmp_path
):
    with FaultyServer(larger / "videos", bytes_per_s=20_000) as server:
        seeds = range(group * 3, group * 3 + 3)
        check_kills(seeds, larger, undisturbed, tmp_path, server.url)


@pytest.mark.slow
def test_a_run_that_is_killed_at_a_hundred_points_ends_with_the_same_bytes(
    larger, undisturbed, tmp_path
):
    check_kills(range(100, 200), larger, undisturbed, tmp_path)


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_gets_there(larger, undisturbed, tmp_path):
    expected, whole_s = undisturbed
    out = tmp_path / "out"
    for round_number in range(5):
        process = start(larger, out)
        time.sleep(whole_s * (0.4 + 0.1 * round_number))
        process.kill()
        process.communicate()
    finish(start(larger, out), 3)
    assert published(out) == expected


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_soon_with_its_exit_code_and_keeps_what_is_done(
    number, code, larger, undisturbed, tmp_path
):
    out = tmp_path / "out"
    with FaultyServer(larger / "videos", bytes_per_s=6000) as server:
        process = start(larger, out, mirror=server.url)
        while not list(out.glob(".ytbb-train.part/pieces/*.json")):
            time.sleep(0.05)
            assert process.poll() is None
        begin = time.monotonic()
        process.send_signal(number)
        _, err = finish(process, code)
    assert time.monotonic() - begin < 10
    assert f"stopped by {number.name}" in err
    assert "Traceback" not in err
    finish(start(larger, out), 3)
    assert published(out) == undisturbed[0]


def test_a_disk_that_fills_stops_the_run_and_marks_no_video(larger, undisturbed, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(filler.stat().st_size + 900_000))
    out = small_disk / "out"
    _, err = finish(start(larger, out), 1)
    assert "space" in err
    assert "Traceback" not in err
    report = out / "ytbb-train.report.jsonl"
    assert not report.exists() or "disk" not in report.read_text()
    filler.unlink()
    finish(start(larger, out), 3)
    assert published(out) == undisturbed[0]


def test_a_full_disk_under_the_downloads_stops_the_run_and_marks_no_video(
    larger, undisturbed, small_disk, tmp_path
):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(filler.stat().st_size + 990_000))
    out = tmp_path / "out"
    with FaultyServer(larger / "videos") as server:
        process = start(larger, out, "--scratch", small_disk / "scratch", mirror=server.url)
        _, err = finish(process, 1)
        assert "space" in err
        assert "Traceback" not in err
        filler.unlink()
        finish(start(larger, out, "--scratch", small_disk / "scratch", mirror=server.url), 3)
    assert published(out) == undisturbed[0]


def test_a_second_run_on_one_folder_is_refused(larger, tmp_path):
    out = tmp_path / "out"
    with FaultyServer(larger / "videos", bytes_per_s=6000) as server:
        first = start(larger, out, mirror=server.url)
        while not (out / ".ytbb-train.lock").exists():
            time.sleep(0.05)
        _, err = finish(start(larger, out), 1)
        assert "another process is writing here" in err
        first.send_signal(signal.SIGTERM)
        finish(first, 143)
