"""What the sandbox runs in its tests: good and bad behaviour, as functions of a module."""

import errno
import os
import signal
import subprocess
import sys
import time

from vsda.errors import ItemError, Outcome, ShardError


def say(words):
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def double(number):
    return 2 * number


def big(num_bytes):
    return bytes(num_bytes)


def my_pid(_):
    return os.getpid()


def loop_forever(_):
    say("still decoding")
    while True:
        pass


def abort(_):
    say("assertion failed in the decoder")
    os.abort()


def segfault(_):
    os.kill(os.getpid(), signal.SIGSEGV)


def grow(_):
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 16) * 64))


def grow_slowly_to(num_bytes):
    held = bytearray(num_bytes)
    for start in range(0, num_bytes, 4096):
        held[start] = 1
    return len(held)


def raise_memory_error(_):
    raise MemoryError


def fail(_):
    raise ItemError(Outcome.TOO_SHORT, "clip.mp4: 3 frames, expected 30")


def fail_otherwise(_):
    raise ShardError("shard 7 is damaged")


def full_disk(_):
    raise OSError(errno.ENOSPC, "No space left on device", "/data/clip.tar")


def no_such_file(_):
    raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/data/clip.mp4")


def mistake(_):
    return {}["width"]


def exit_early(_):
    sys.exit(0)


def talk_much(num_lines):
    for _ in range(num_lines):
        say("warning: deprecated pixel format used" * 10)
    return "done"


def unpicklable(_):
    return lambda: None


def start_and_loop(path):
    """Start a process that only SIGKILL ends, note its id, then hang."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code])
    path.write_text(f"{os.getpid()} {process.pid}")
    time.sleep(600)


def start_and_return(path):
    """Start a process that outlives the call, and return."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    path.write_text(str(process.pid))
    process.returncode = 0  # nothing complains that it was left alone


def read_stdin(_):
    return sys.stdin.read()


def nested(number):
    from vsda.video.sandbox import run_limited

    return run_limited(double, number, timeout_s=20, memory_bytes=1 << 30)


def my_parent(_):
    return os.getppid()


def note_parent_and_loop(path):
    path.write_text(f"{os.getppid()} {os.getpid()}")
    time.sleep(600)


def meet(folder_and_mark):
    """Return only when two calls are here at the same time."""
    folder, mark = folder_and_mark
    (folder / mark).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.01)
    return mark
