import os
import subprocess
import time

import pytest

from tests.engine.work import (
    all_gone,
    die_at_two,
    is_alive,
    pids_in,
    refuse_two,
    refuse_two_and_sleep_otherwise,
    slow_first,
    square,
    start_python,
)
from vsda.engine.run import Workers, run_tasks
from vsda.errors import ShardError, VsdaError

TWO = Workers(num_workers=2)


def name_of(number):
    return f"task {number}"


@pytest.mark.parametrize("num_workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(num_workers):
    results = run_tasks(square, range(7), workers=Workers(num_workers=num_workers), name_of=name_of)
    assert list(results) == [0, 1, 4, 9, 16, 25, 36]


def test_a_slow_task_does_not_stop_the_others_or_change_the_order():
    results = list(run_tasks(slow_first, range(5), workers=TWO, name_of=name_of))
    assert [number for number, _ in results] == [0, 1, 2, 3, 4]
    first_pid = results[0][1]
    assert all(pid not in {first_pid, os.getpid()} for _, pid in results[1:])


def test_one_worker_means_this_process():
    results = run_tasks(slow_first, [1], workers=Workers(num_workers=8), name_of=name_of)
    assert list(results) == [(1, os.getpid())]


def test_no_tasks_give_no_results():
    assert list(run_tasks(square, [], workers=TWO, name_of=name_of)) == []


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_users_mistake_in_a_task_comes_out_as_it_is(num_workers):
    with pytest.raises(ShardError, match="two is refused"):
        list(
            run_tasks(
                refuse_two, range(4), workers=Workers(num_workers=num_workers), name_of=name_of
            )
        )


def test_a_killed_worker_is_told_with_its_task():
    with pytest.raises(VsdaError) as caught:
        list(run_tasks(die_at_two, range(4), workers=TWO, name_of=name_of))
    assert str(caught.value).startswith("task 2: its worker was killed by SIGKILL; what is done")
    assert "with fewer --workers if memory was short" in str(caught.value)


def test_nothing_is_called_kept_where_the_caller_keeps_nothing():
    running = run_tasks(die_at_two, range(4), workers=TWO, name_of=name_of, keeps_done=False)
    message = "task 2: its worker was killed by SIGKILL; run the command again, with fewer"
    with pytest.raises(VsdaError, match=f"^{message}"):
        list(running)


def test_a_worker_with_a_bug_is_told_with_its_task_and_shows_its_traceback():
    how = "workers=Workers(num_workers=2), name_of='task {}'.format"
    call = f"list(run_tasks(raise_at_two, range(4), {how}))"
    process = start_python(call, stderr=subprocess.PIPE, text=True)
    _, errors = process.communicate(timeout=60)
    assert "ZeroDivisionError" in errors
    assert "VsdaError: task 2: its worker ended with 1;" in errors


def test_workers_are_gone_when_the_caller_stops_early():
    results = run_tasks(slow_first, range(1, 9), workers=TWO, name_of=name_of)
    _, pid = next(results)
    results.close()
    assert not is_alive(pid)


def test_a_mistake_ends_the_other_workers_in_the_middle_of_their_tasks():
    start = time.monotonic()
    running = run_tasks(refuse_two_and_sleep_otherwise, [1, 2], workers=TWO, name_of=name_of)
    with pytest.raises(ShardError, match="two is refused"):
        list(running)
    assert time.monotonic() - start < 40


def test_workers_end_with_a_killed_parent(tmp_path):
    places = [tmp_path / "a", tmp_path / "b"]
    how = "workers=Workers(num_workers=2), name_of=str"
    call = f"list(run_tasks(tell_pid_and_sleep, sys.argv[1:], {how}))"
    parent = start_python(call, *places)
    pids = [pid for place in places for pid in pids_in(place)]
    parent.kill()
    parent.wait()
    assert all_gone(pids)


def test_zero_workers_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        run_tasks(square, [1], workers=Workers(num_workers=0), name_of=name_of)
