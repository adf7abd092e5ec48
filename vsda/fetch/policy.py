"""What a run does about each outcome of a video; closed, like the outcomes."""

from enum import StrEnum

from vsda.errors import Outcome


class Policy(StrEnum):
    """When to ask for a video again.

    DONE: It is there, or was taken out on purpose.
    NEVER: Not in this run and not in the next, unless `--retry` names its outcome.
    LATER: In the next run.
    NOW: In this run, after a pause; when the attempts are used up, in the next run.
    PAUSE: The whole run waits, then asks for the same video; if that does not help, it stops.
    STOP: The whole run stops at once; the video was not at fault and stays to be asked for.
    """

    DONE = "done"
    NEVER = "never"
    LATER = "later"
    NOW = "now"
    PAUSE = "pause"
    STOP = "stop"


POLICIES = {
    Outcome.OK: Policy.DONE,
    Outcome.WITHDRAWN: Policy.DONE,
    Outcome.GONE: Policy.NEVER,
    Outcome.PRIVATE: Policy.NEVER,
    Outcome.AGE_RESTRICTED: Policy.NEVER,
    Outcome.GEO_BLOCKED: Policy.NEVER,
    Outcome.NO_FORMAT: Policy.LATER,
    Outcome.UNAVAILABLE: Policy.LATER,
    Outcome.UNKNOWN_REPLY: Policy.LATER,
    Outcome.NOT_A_VIDEO: Policy.LATER,  # a page of some proxy on the way looks the same
    Outcome.NETWORK: Policy.NOW,
    Outcome.THROTTLED: Policy.PAUSE,
    Outcome.BOT_CHECK: Policy.STOP,
    Outcome.TOO_SHORT: Policy.NEVER,
    Outcome.UNDECODABLE: Policy.NEVER,
    Outcome.HUNG: Policy.NEVER,
    Outcome.CRASHED: Policy.NEVER,
    Outcome.OUT_OF_MEMORY: Policy.NEVER,
    Outcome.DISK_FULL: Policy.STOP,
    Outcome.NO_JS_RUNTIME: Policy.STOP,
}
"""`Outcome` to policy, for every outcome that a video can have."""
