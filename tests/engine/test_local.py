import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vsda.engine.local import num_cpus, run_tasks
from vsda.errors import ShardError, VsdaError

ROOT = Path(__file__).parents[2]


def square(number):
    return number * number


def slow_first(number):
    time.sleep(0.3 if number == 0 else 0)
    return number, os.getpid()


def refuse_two(number):
    if number == 2:
        raise ShardError("two is refused")
    return number


def die_at_two(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def raise_at_two(number):
    return 1 // (number - 2)


def tell_pid_and_sleep(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def refuse_two_and_sleep_otherwise(number):
    if number == 2:
        raise ShardError("two is refused")
    time.sleep(60)


def name_of(number):
    return f"task {number}"


@pytest.mark.parametrize("num_workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(num_workers):
    results = run_tasks(square, range(7), num_workers=num_workers, name_of=name_of)
    assert list(results) == [0, 1, 4, 9, 16, 25, 36]


def test_a_slow_task_does_not_stop_the_others_or_change_the_order():
    results = list(run_tasks(slow_first, range(5), num_workers=2, name_of=name_of))
    assert [number for number, _ in results] == [0, 1, 2, 3, 4]
    first_pid = results[0][1]
    assert all(pid not in {first_pid, os.getpid()} for _, pid in results[1:])


def test_one_worker_means_this_process():
    assert list(run_tasks(slow_first, [1], num_workers=8, name_of=name_of)) == [(1, os.getpid())]


def test_no_tasks_give_no_results():
    assert list(run_tasks(square, [], num_workers=2, name_of=name_of)) == []


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_users_mistake_in_a_task_comes_out_as_it_is(num_workers):
    with pytest.raises(ShardError, match="two is refused"):
        list(run_tasks(refuse_two, range(4), num_workers=num_workers, name_of=name_of))


def test_a_killed_worker_is_told_with_its_task():
    with pytest.raises(VsdaError) as caught:
        list(run_tasks(die_at_two, range(4), num_workers=2, name_of=name_of))
    assert str(caught.value).startswith("task 2: its worker was killed by SIGKILL; what is done")
    assert "with fewer --workers if memory was short" in str(caught.value)


def test_nothing_is_called_kept_where_the_caller_keeps_nothing():
    running = run_tasks(die_at_two, range(4), num_workers=2, name_of=name_of, keeps_done=False)
    message = "task 2: its worker was killed by SIGKILL; run the command again, with fewer"
    with pytest.raises(VsdaError, match=f"^{message}"):
        list(running)


def test_a_worker_with_a_bug_is_told_with_its_task_and_shows_its_traceback():
    call = "list(run_tasks(raise_at_two, range(4), num_workers=2, name_of=name_of))"
    done = subprocess.run(_python(call), cwd=ROOT, capture_output=True, text=True, check=False)
    assert "ZeroDivisionError" in done.stderr
    assert "VsdaError: task 2: its worker ended with 1;" in done.stderr


def test_workers_are_gone_when_the_caller_stops_early():
    results = run_tasks(slow_first, range(1, 9), num_workers=2, name_of=name_of)
    _, pid = next(results)
    results.close()
    assert not _is_alive(pid)


def test_a_mistake_ends_the_other_workers_in_the_middle_of_their_tasks():
    start = time.monotonic()
    running = run_tasks(refuse_two_and_sleep_otherwise, [1, 2], num_workers=2, name_of=name_of)
    with pytest.raises(ShardError, match="two is refused"):
        list(running)
    assert time.monotonic() - start < 40


def test_workers_end_with_a_killed_parent(tmp_path):
    places = [tmp_path / "a", tmp_path / "b"]
    call = "list(run_tasks(tell_pid_and_sleep, sys.argv[1:], num_workers=2, name_of=str))"
    parent = subprocess.Popen(_python(call, *places), cwd=ROOT)
    pids = [
        int(_wait_for(lambda place=place: place.is_file() and place.read_text()))
        for place in places
    ]
    parent.kill()
    parent.wait()
    _wait_for(lambda: not any(map(_is_alive, pids)))


def test_there_is_at_least_one_cpu():
    assert 1 <= num_cpus() <= (os.cpu_count() or 1)


def test_zero_workers_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        run_tasks(square, [1], num_workers=0, name_of=name_of)


def _python(call, *arguments):
    code = f"from tests.engine.test_local import *\n{call}"
    return [sys.executable, "-c", code, *map(str, arguments)]


def _wait_for(condition, timeout_s=60):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
