import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine.work import (
    all_gone,
    end_as_told,
    is_alive,
    pids_in,
    raise_at_two,
    refuse_with_facts,
    sleep,
    slow_square,
    square,
    start_a_child_and_sleep,
    start_python,
    where,
)
from vsda.engine import ray as ray_module
from vsda.engine.ray import RayEngine
from vsda.engine.run import MOST_TRIES, Workers, open_engine, run_tasks
from vsda.errors import UsageError, VsdaError

LONG_S = 60

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cluster's fixture is Linux's")


@pytest.fixture
def engine_of(ray_cluster):
    """Open an engine on the cluster, closed after the test."""
    opened = []

    def open_one(function, num_workers=None):
        engine = open_engine("ray", function, num_workers=num_workers, address=ray_cluster.address)
        opened.append(engine)
        return engine

    yield open_one
    for engine in opened:
        engine.close()


def run_one(engine, task):
    engine.submit(task)
    done = engine.wait(LONG_S)
    assert len(done) == 1
    return done[0]


def test_a_task_comes_back_with_its_result_and_node(engine_of):
    engine = engine_of(square)
    assert (engine.num_workers, engine.num_free) == (1, 1)  # as the cluster has one CPU
    done = run_one(engine, 7)
    assert (done.task, done.result, done.death, done.error) == (7, 49, None, None)
    assert done.node.startswith(f"{os.uname().nodename}/")


def test_no_more_tasks_are_taken_than_there_are_workers(engine_of):
    engine = engine_of(sleep, 1)
    engine.submit(0.5)
    with pytest.raises(ValueError, match="all 1 workers have a task"):
        engine.submit(0.5)
    assert engine.wait(0.05) == []
    assert engine.num_running == 1
    assert [done.result for done in engine.wait(LONG_S)] == [0.5]


def test_waiting_for_nothing_takes_the_timeout(engine_of):
    start = time.monotonic()
    assert engine_of(square).wait(0.2) == []
    assert 0.2 <= time.monotonic() - start < 20


def test_errors_and_deaths_come_back_as_on_this_machine(engine_of, caplog):
    engine = engine_of(refuse_with_facts)
    page = run_one(engine, "page").error
    assert (str(page), page.status) == ("page 7: status 429", 429)
    engine.close()
    engine = engine_of(end_as_told)
    done = run_one(engine, "segfault")
    assert (done.lost, done.node_lost) == ("its worker was killed by SIGSEGV", False)
    assert f"a worker on node {done.node} was killed by SIGSEGV" in caplog.text
    assert run_one(engine, "well").result == "well"


def test_a_bug_is_the_death_of_its_worker(engine_of):
    assert run_one(engine_of(raise_at_two), 2).death == "ended with 1"


def test_a_task_runs_in_the_callers_folder_in_a_process_that_ray_does_not_end(
    engine_of, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    engine = engine_of(where)
    first, second = run_one(engine, 0).result, run_one(engine, 1).result
    assert first[0] == str(tmp_path)
    assert first == second


@pytest.mark.slow
def test_a_lost_node_is_told_with_its_task(engine_of, second_node, tmp_path, caplog):
    engine = engine_of(start_a_child_and_sleep, 2)
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        engine.submit(place)
    pids = [pid for place in places for pid in pids_in(place)]
    assert engine.wait(2) == []  # the news of where they run has come
    second_node.kill()
    (done,) = engine.wait(LONG_S)
    assert (done.lost, done.node_lost, done.result) == ("its node died", True, None)
    assert f"node {done.node} died" in caplog.text
    assert all_gone(pids_in(done.task), timeout_s=10)
    assert sum(map(is_alive, pids)) == 2  # the other node's
    engine.close()
    assert all_gone(pids, timeout_s=10)


def test_all_tasks_are_done_though_a_node_is_killed_half_way(ray_cluster, second_node):
    workers = Workers(kind="ray", address=ray_cluster.address)
    results = run_tasks(slow_square, range(12), workers=workers, name_of=str)
    first = next(results)
    second_node.kill()
    assert [first, *results] == [number * number for number in range(12)]


def test_a_task_that_loses_every_node_is_an_error_after_some_tries(ray_cluster, monkeypatch):
    lost = ray_module.Done(task=7, death="died", node="n", node_lost=True)
    tries = []
    monkeypatch.setattr(RayEngine, "submit", lambda _, task: tries.append(task))
    monkeypatch.setattr(RayEngine, "wait", lambda *_: [lost])
    workers = Workers(kind="ray", num_workers=1, address=ray_cluster.address)
    with pytest.raises(VsdaError, match=r"^task 7: its node died; what is done so far is kept"):
        list(run_tasks(square, [7], workers=workers, name_of="task {}".format))
    assert tries == [7] * MOST_TRIES


@pytest.mark.slow
def test_a_task_that_waits_long_for_a_cpu_is_told(engine_of, monkeypatch, caplog):
    monkeypatch.setattr(ray_module, "_STALL_S", 0.5)
    engine = engine_of(sleep, 2)
    run_one(engine, 0)
    time.sleep(0.6)
    engine.submit(4)
    engine.wait(0)
    assert "wait for a free CPU" not in caplog.text  # nothing waited before
    engine.submit(0)
    end = time.monotonic() + LONG_S
    while not (done := engine.wait(0.2)):
        assert time.monotonic() < end
    assert [one.result for one in done] == [4]
    told = "1 tasks wait for a free CPU since 0 s: the Ray cluster has 1 CPUs, all in use"
    assert told in caplog.text


def test_closing_ends_tasks_and_their_children(engine_of, tmp_path):
    engine = engine_of(start_a_child_and_sleep)
    engine.submit(tmp_path / "pids")
    pids = pids_in(tmp_path / "pids")
    start = time.monotonic()
    engine.close()
    assert time.monotonic() - start < 5
    assert all_gone(pids, timeout_s=10)


@pytest.mark.slow
def test_nothing_outlives_a_killed_caller(ray_cluster, tmp_path):
    call = (
        "engine = open_engine('ray', start_a_child_and_sleep, num_workers=1, address=sys.argv[1])\n"
        "engine.submit(sys.argv[2]); engine.wait(60)"
    )
    caller = start_python(call, ray_cluster.address, tmp_path / "pids")
    pids = pids_in(tmp_path / "pids")
    caller.kill()
    caller.wait()
    assert all_gone(pids, timeout_s=20)


def test_stdout_has_nothing_of_ray_and_sigterm_stays_the_callers(ray_cluster, second_node):
    call = (
        "signal.signal(signal.SIGTERM, lambda *_: print('heard'))\n"
        "with open_engine('ray', die_at_two, num_workers=2, address=sys.argv[1]) as engine:\n"
        "    engine.submit(2); print(engine.wait(60)[0].death)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(int(sys.argv[2]), signal.SIGKILL); time.sleep(5)\n"
    )
    raylet = second_node.raylet_pid()
    caller = start_python(call, ray_cluster.address, raylet, stdout=-1, stderr=-1, text=True)
    told, errors = caller.communicate(timeout=LONG_S)
    assert told.splitlines() == ["was killed by SIGKILL", "heard"]
    assert [line for line in errors.splitlines() if "a worker on node" not in line] == []


def test_many_tasks_leave_no_files_open(engine_of):
    engine = engine_of(square, 1)
    run_one(engine, 0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert sorted(run_one(engine, number).result for number in range(100))[-1] == 99 * 99
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


@pytest.mark.slow
def test_a_node_with_another_vsda_or_none_is_refused(ray_cluster, tmp_path):
    (tmp_path / "there" / "vsda").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    code = "import sys; from vsda.engine.run import *; open_engine('ray', len, num_workers=1, "
    call = [sys.executable, "-c", f"{code} address=sys.argv[1])", ray_cluster.address]
    node = ray_cluster.add_node(PYTHONPATH=str(tmp_path / "there"))
    try:
        for source, message in [
            ("__version__ = '0.0.9'", "has vsda 0.0.9, this machine 0.1.0; install the same"),
            ("raise ImportError", "vsda is not installed there; install vsda 0.1.0 for Python 3"),
        ]:
            (tmp_path / "there" / "vsda" / "__init__.py").write_text(source)
            caller = subprocess.run(
                call, cwd=tmp_path / "here", stderr=subprocess.PIPE, text=True, check=False
            )
            last = caller.stderr.splitlines()[-1]
            assert re.match(f"vsda.errors.VsdaError: Ray node .*: {message}", last), caller.stderr
    finally:
        node.stop()


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:", "http://head:1/x"])
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(UsageError, match="expected host:port of the head of a Ray cluster"):
        RayEngine(square, 1, address)


def test_an_address_where_nobody_listens_is_told_at_once():
    start = time.monotonic()
    with pytest.raises(VsdaError, match=r"--address 127.0.0.1:9: no Ray cluster answers there: .*"):
        RayEngine(square, 1, "127.0.0.1:9")
    assert time.monotonic() - start < 11


def test_a_missing_ray_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    message = r"--engine ray needs the package ray: pip install 'vsda\[ray\]', here and on every"
    with pytest.raises(VsdaError, match=message):
        RayEngine(square, 1, None)


def test_zero_workers_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        RayEngine(square, 0, None)


@pytest.mark.slow
def test_ray_on_this_machine_alone_is_quiet_and_leaves_nothing(tmp_path):
    call = (
        "with open_engine('ray', square, num_workers=1) as engine:\n"
        "    engine.submit(7); print(engine.wait(60)[0].result)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    caller = start_python(
        call, stdout=-1, stderr=-1, text=True, env=environment | {"HOME": str(tmp_path)}
    )
    assert caller.communicate(timeout=LONG_S) == ("49\n", "")
    assert list(tmp_path.iterdir()) == []
