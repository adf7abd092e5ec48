"""Runs of cells that do nothing, fail or die, in place of training."""

import os
import signal
import time

from tests.tables.records import finish
from vsda.errors import RunError
from vsda.tables.record import read_record


def run(job):
    """Do what the name of the cell's row says."""
    if job.cell.row == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.cell.row == "fails":
        raise RunError("diverged")
    if job.cell.row == "slow":
        time.sleep(0.5)
    if job.cell.before is not None and read_record(job.cell.before) is None:
        raise RunError("was begun before its start or twin was done")
    finish(job.cell, 0.5)
