import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine.work import (
    ROOT,
    all_gone,
    die_at_two,
    end_as_told,
    fork_a_child_and_die,
    is_alive,
    leave_a_child,
    pids_in,
    raise_at_two,
    refuse_two,
    refuse_with_facts,
    sleep,
    square,
    square_in_a_child,
    start_a_child_and_sleep,
    start_python,
    tell_pid,
    variable,
    wait_for,
    where,
)
from vsda.engine.local import LocalEngine, num_cpus
from vsda.errors import ShardError

LONG_S = 60


def run_one(engine, task):
    engine.submit(task)
    (done,) = engine.wait(LONG_S)
    return done


def wait_for_all(engine):
    done = []
    while engine.num_running:
        done += engine.wait(LONG_S)
    return done


def test_there_is_at_least_one_cpu():
    assert 1 <= num_cpus() <= (os.cpu_count() or 1)


def test_a_task_comes_back_with_its_result():
    with LocalEngine(square, 1) as engine:
        done = run_one(engine, 7)
    assert (done.task, done.result, done.death, done.error) == (7, 49, None, None)
    assert (done.node, done.node_lost, done.lost) == ("", False, None)


def test_workers_may_start_processes_where_they_are_not_daemonic():
    with LocalEngine(square_in_a_child, 1, daemonic=False) as engine:
        assert run_one(engine, 7).result == 49


def test_one_worker_is_a_process_of_its_own_and_is_used_again():
    with LocalEngine(tell_pid, 1) as engine:
        pids = {run_one(engine, number).result for number in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_the_pool_counts_what_runs_and_what_is_free():
    with LocalEngine(sleep, 2) as engine:
        assert (engine.num_workers, engine.num_running, engine.num_free) == (2, 0, 2)
        engine.submit(0.2)
        assert (engine.num_running, engine.num_free) == (1, 1)
        engine.submit(0.2)
        assert (engine.num_running, engine.num_free) == (2, 0)
        wait_for_all(engine)
        assert (engine.num_running, engine.num_free) == (0, 2)


def test_no_more_tasks_are_taken_than_there_are_workers():
    with LocalEngine(sleep, 1) as engine:
        engine.submit(0.2)
        with pytest.raises(ValueError, match="all 1 workers have a task"):
            engine.submit(0.2)
        assert [done.result for done in wait_for_all(engine)] == [0.2]


def test_waiting_ends_at_the_timeout_or_when_a_task_is_done():
    with LocalEngine(sleep, 2) as engine:
        run_one(engine, 0)
        engine.submit(1.0)
        start = time.monotonic()
        assert engine.wait(0.2) == []
        assert 0.2 <= time.monotonic() - start < 0.8
        engine.submit(0.1)
        assert [done.result for done in engine.wait(LONG_S)] == [0.1]
        assert [done.result for done in engine.wait(LONG_S)] == [1.0]
        assert time.monotonic() - start < 5


def test_waiting_for_nothing_takes_the_timeout():
    with LocalEngine(sleep, 1) as engine:
        start = time.monotonic()
        assert engine.wait(0.2) == []
        assert time.monotonic() - start >= 0.2


def test_a_users_mistake_comes_back_as_a_value_and_the_worker_goes_on():
    with LocalEngine(refuse_two, 1) as engine:
        done = run_one(engine, 2)
        assert isinstance(done.error, ShardError)
        assert (str(done.error), done.death) == ("two is refused", None)
        assert run_one(engine, 3).result == 3


def test_an_error_with_facts_comes_back_with_them():
    with LocalEngine(refuse_with_facts, 1) as engine:
        page, name = run_one(engine, "page").error, run_one(engine, "name").error
    assert (str(page), page.status) == ("page 7: status 429", 429)
    assert (name.name, name.known) == ("davsi", ["coco", "davis"])
    assert str(name) == "unknown dataset 'davsi'. Did you mean 'davis'? Known: coco, davis."


@pytest.mark.parametrize(
    ("how", "death"),
    [
        ("segfault", "was killed by SIGSEGV"),
        ("exit", "ended with 7"),
        ("sys.exit", "ended with 0"),
    ],
)
def test_a_dead_worker_is_told_and_replaced(how, death):
    with LocalEngine(end_as_told, 1) as engine:
        done = run_one(engine, how)
        assert (done.task, done.death, done.lost) == (how, death, f"its worker {death}")
        assert (done.result, done.error, done.node_lost) == (None, None, False)
        assert engine.num_free == 1
        assert run_one(engine, "well").result == "well"


def test_a_killed_worker_takes_no_other_task_with_it():
    with LocalEngine(die_at_two, 3) as engine:
        for number in (1, 2, 3):
            engine.submit(number)
        done = {one.task: one for one in wait_for_all(engine)}
        assert done[2].death == "was killed by SIGKILL"
        assert (done[1].result, done[3].result) == (1, 3)
        for number in (4, 5, 6):  # the pool has kept its size
            engine.submit(number)
        assert sorted(one.result for one in wait_for_all(engine)) == [4, 5, 6]


def test_a_bug_is_the_death_of_its_worker():
    with LocalEngine(raise_at_two, 1) as engine:
        assert run_one(engine, 2).death == "ended with 1"
        assert run_one(engine, 3).result == 1


def test_a_worker_killed_while_it_waits_costs_no_task():
    with LocalEngine(tell_pid, 1) as engine:
        pid = run_one(engine, 0).result
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{pid}").exists())
        time.sleep(0.2)  # for the news of it
        done = run_one(engine, 1)
    assert done.death is None
    assert done.result != pid


def test_a_task_that_cannot_travel_takes_no_worker():
    with LocalEngine(square, 1) as engine:
        with pytest.raises((TypeError, AttributeError), match="pickle"):
            engine.submit(lambda: None)
        assert engine.num_free == 1
        assert run_one(engine, 2).result == 4


def test_a_worker_is_dead_though_its_child_holds_its_pipe(tmp_path):
    with LocalEngine(fork_a_child_and_die, 1) as engine:
        start = time.monotonic()
        assert run_one(engine, tmp_path / "pid").death == "was killed by SIGKILL"
        assert time.monotonic() - start < 30
    assert all_gone(pids_in(tmp_path / "pid"))


def test_closing_ends_busy_workers_and_their_children_at_once(tmp_path):
    places = [tmp_path / "a", tmp_path / "b"]
    with LocalEngine(start_a_child_and_sleep, 2) as engine:
        for place in places:
            engine.submit(place)
        pids = [pid for place in places for pid in pids_in(place)]
        assert len(pids) == 4
        start = time.monotonic()
    assert time.monotonic() - start < 2
    assert all_gone(pids)


def test_closing_ends_what_an_idle_worker_left_running():
    with LocalEngine(leave_a_child, 1) as engine:
        child = run_one(engine, 0).result
        assert is_alive(child)
    assert all_gone([child])


def test_closing_twice_is_closing_once():
    engine = LocalEngine(square, 1)
    run_one(engine, 1)
    engine.close()
    engine.close()


def test_a_killed_workers_children_end_with_it(tmp_path):
    with LocalEngine(start_a_child_and_sleep, 1) as engine:
        engine.submit(tmp_path / "pids")
        worker, child = pids_in(tmp_path / "pids")
        os.kill(worker, signal.SIGKILL)
        (done,) = engine.wait(LONG_S)
        assert done.death == "was killed by SIGKILL"
        assert all_gone([child])


@pytest.mark.parametrize("function", ["start_a_child_and_sleep", "start_a_child_and_hold_the_lock"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_killed_parent(tmp_path, function, how):
    call = f"engine = LocalEngine({function}, 1); engine.submit(sys.argv[1]); engine.wait(60)"
    parent = start_python(call, tmp_path / "pids")
    pids = pids_in(tmp_path / "pids")
    parent.send_signal(how)
    parent.wait()
    assert len(pids) == 2
    assert all_gone(pids)


def test_nothing_outlives_a_parent_killed_together_with_its_group_and_its_worker(tmp_path):
    call = "engine = LocalEngine(start_a_child_and_sleep, 1); engine.submit(sys.argv[1]); sleep(60)"
    parent = start_python(call, tmp_path / "pids", start_new_session=True)
    worker, child = pids_in(tmp_path / "pids")
    os.kill(worker, signal.SIGKILL)
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    assert all_gone([worker, child])


def test_no_task_begins_before_the_guard_is_out_of_the_parents_group(tmp_path):
    parent = _start_script(tmp_path, slow_process=1)
    pids = pids_in(tmp_path / "pids")
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    assert all_gone(pids)


def test_no_task_begins_after_the_parent_was_killed(tmp_path):
    parent = _start_script(tmp_path, slow_process=2)
    (pid,) = pids_in(tmp_path / "worker")
    parent.kill()
    parent.wait()
    assert all_gone([pid], timeout_s=30)
    assert not (tmp_path / "pids").exists()


def test_nothing_outlives_a_parent_that_ends_without_closing(tmp_path):
    call = (
        "engine = LocalEngine(start_a_child_and_sleep, 1); engine.submit(sys.argv[1])\n"
        "pids_in(Path(sys.argv[1]))"
    )
    parent = start_python(call, tmp_path / "pids")
    assert parent.wait(LONG_S) == 0
    assert all_gone(pids_in(tmp_path / "pids"))


def test_ctrl_c_reaches_the_parent_alone(tmp_path):
    call = (
        "engine = LocalEngine(start_a_child_and_sleep, 1); engine.submit(sys.argv[1])\n"
        "try: engine.wait(60)\n"
        "except KeyboardInterrupt: print([is_alive(p) for p in pids_in(Path(sys.argv[1]))])\n"
        "engine.close()\n"
        "print(all_gone(pids_in(Path(sys.argv[1]))))"
    )
    unblock = "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    parent = start_python(
        unblock + call, tmp_path / "pids", start_new_session=True, stdout=-1, stderr=-1, text=True
    )
    pids_in(tmp_path / "pids")
    os.killpg(parent.pid, signal.SIGINT)
    told, errors = parent.communicate(timeout=LONG_S)
    assert (told.splitlines(), errors) == (["[True, True]", "True"], "")


def test_ctrl_c_while_a_process_is_forked_leaves_no_traceback_of_it():
    # The moment between asking for a process and saying what it is to do, made long.
    call = (
        "import threading, time\nconnect = forkserver.connect_to_new_process\n"
        "forkserver.connect_to_new_process = lambda fds: [connect(fds), time.sleep(1)][0]\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try: LocalEngine(square, 1)\n"
        "except KeyboardInterrupt: print('stopped')\n"
    )
    parent = start_python(call, stdout=-1, stderr=-1, text=True)
    assert parent.communicate(timeout=LONG_S) == ("stopped\n", "")


def test_a_hundred_tasks_and_many_deaths_leave_nothing_behind():
    def run_some():
        with LocalEngine(die_at_two, 2) as engine:
            for number in [*range(4)] * 5:
                if not engine.num_free:
                    engine.wait(LONG_S)
                engine.submit(number)
            wait_for_all(engine)
        gc.collect()
        return _open_files(), _children()

    before = run_some()
    for _ in range(4):
        assert run_some() == before


def test_workers_are_in_the_folder_where_the_parent_is_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with LocalEngine(where, 1) as engine:
        assert run_one(engine, 0).result[0] == str(tmp_path)


def test_zero_workers_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        LocalEngine(square, 0)


def _open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def _children():
    """Count the processes below this one, zombies too."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return len(below) - 1


def _start_script(folder, *, slow_process):
    """Start a parent whose guard is process 1, its worker 2; one of them takes long to start."""
    script = folder / "slow_start.py"
    script.write_text(
        "import multiprocessing, os, sys, time\n"
        "from tests.engine.work import *\n"
        "from vsda.engine.local import LocalEngine\n"
        f"if multiprocessing.current_process().name == 'ForkServerProcess-{slow_process}':\n"
        f"    write_whole({str(folder / 'worker')!r}, os.getpid()); time.sleep(2)\n"
        "if __name__ == '__main__':\n"
        "    engine = LocalEngine(start_a_child_and_sleep, 1)\n"
        "    engine.submit(sys.argv[1]); engine.wait(60)\n"
    )
    return subprocess.Popen(
        [sys.executable, script, folder / "pids"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def test_workers_have_the_environment_that_their_parent_has_now(monkeypatch):
    with LocalEngine(variable, 1) as engine:  # its server of workers may be older
        engine.submit("VSDA_TEST_VARIABLE")
        assert engine.wait(LONG_S)[0].result is None
    monkeypatch.setenv("VSDA_TEST_VARIABLE", "set later")
    with LocalEngine(variable, 1) as engine:
        engine.submit("VSDA_TEST_VARIABLE")
        assert engine.wait(LONG_S)[0].result == "set later"
