"""Processes that end in the middle of their work."""

import os
import signal
import warnings
from pathlib import Path


def die_at(event, work):
    """Run `work` in a child that kills itself at its n-th rename, deletion or flush.

    Returns whether the child lived to the end.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child of a fork has one thread
        child = os.fork()
    if child == 0:
        _kill_at(event)
        work()
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
