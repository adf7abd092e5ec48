"""When a run may ask for the next video: the pace, and the one circuit that stops everybody.

Pure: the time is an argument, in seconds of any clock that does not go back.
"""

import random
from enum import StrEnum

from vsda.acquire.options import Manners
from vsda.errors import Outcome
from vsda.fetch.policy import POLICIES, Policy

_JITTER = 0.25
_SECONDS_PER_HOUR = 3600.0
_ODD = {
    Outcome.UNAVAILABLE,
    Outcome.NO_FORMAT,
    Outcome.UNKNOWN_REPLY,
    Outcome.NOT_A_VIDEO,
    Outcome.CRASHED,
}
"""Each is likely now and then; a long row of them means that something else is wrong: a message
that nobody knows yet, an account that sees nothing, a machine that kills its workers."""
_ODD_FACTOR = 5


class Pace:
    """Spreads requests over the hour, with jitter, for all workers together."""

    def __init__(self, videos_per_hour: float | None) -> None:
        self._interval_s = _SECONDS_PER_HOUR / videos_per_hour if videos_per_hour else 0.0
        self._next = float("-inf")
        self._random = random.Random(0)

    def wait_s(self, now: float) -> float:
        """Return how long to wait before the next request, 0 if it may go now."""
        return max(0.0, self._next - now)

    def asked(self, now: float) -> None:
        """Count a request."""
        jitter = 1.0 + self._random.uniform(-_JITTER, _JITTER)
        self._next = now + self._interval_s * jitter


class Gate(StrEnum):
    """What the circuit lets through."""

    OPEN = "open"
    ONE = "one"
    SHUT = "shut"
    STOPPED = "stopped"


class Circuit:
    """One throttled video pauses the whole run; enough pauses in a row stop it.

    After a pause a single video is let through; what comes of it decides for all. Many failures on
    the way in a row are taken for the same: a broken line must not use up everybody's attempts.
    """

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._until: float | None = None
        self._pauses = 0
        self._failures = 0
        self._oddities = 0
        self.stopped_by: Outcome | None = None

    def gate(self, now: float) -> Gate:
        """Return what may be asked at the time `now`."""
        if self.stopped_by is not None:
            return Gate.STOPPED
        if self._until is None:
            return Gate.OPEN
        return Gate.SHUT if now < self._until else Gate.ONE

    def wait_s(self, now: float) -> float:
        """Return how long the circuit stays shut."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def heard(self, outcome: Outcome, now: float, asked_at: float | None = None) -> bool:
        """Take in what came of a video; return whether the run was told to wait or stop by it.

        Args:
            outcome: What came of it.
            now: When that was.
            asked_at: When it was asked for; None for now. What was asked for before a pause says
                nothing about the time after it.
        """
        asked_at = now if asked_at is None else asked_at
        policy = POLICIES[outcome]
        if policy is Policy.STOP:
            self.stopped_by = self.stopped_by or outcome
            return True
        if self._until is not None and asked_at < self._until:
            return policy is Policy.PAUSE
        self._failures = self._failures + 1 if policy is Policy.NOW else 0
        self._oddities = self._oddities + 1 if outcome in _ODD else 0
        is_outage = self._failures >= (self._manners.outage_after if self._until is None else 1)
        is_odd = self._oddities >= _ODD_FACTOR * self._manners.outage_after
        if policy is Policy.PAUSE or is_outage or is_odd:
            self._pause(outcome, now)
            return True
        self._until, self._pauses = None, 0
        return False

    def _pause(self, outcome: Outcome, now: float) -> None:
        self._failures = 0
        if self._pauses == self._manners.max_pauses:
            self.stopped_by = outcome
            return
        self._pauses += 1
        self._until = now + self._manners.pause_s
