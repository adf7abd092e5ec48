"""Which video comes next, and which shards wait for which videos."""

import heapq
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from vsda.acquire.plan import AcquirePlan
from vsda.acquire.state import State
from vsda.errors import Outcome


@dataclass(frozen=True, order=True, slots=True)
class Asked:
    """A video to ask for, the `attempt`-th time in this run; `at` is when it was asked for."""

    shard: int
    youtube_id: str
    attempt: int = 1
    at: float = 0.0


class Queue:
    """Videos in the order of the shards, those to be asked again when their time has come.

    Args:
        plan: The set.
        state: What is done at the start.
        retry: Outcomes that are asked for again although they count as final.
        skip: Ids that are not asked for.
    """

    def __init__(
        self, plan: AcquirePlan, state: State, retry: frozenset[Outcome], skip: frozenset[str]
    ) -> None:
        self._first: deque[Asked] = deque()
        self._again: list[tuple[float, int, Asked]] = []
        self._ticket = count()
        self._left: Counter[int] = Counter()
        self.ready_shards: deque[int] = deque()
        for number in plan.shard_numbers():
            ids = plan.shard_ids(number)
            todo = [name for name in ids if not state.is_settled(name, retry) and name not in skip]
            self._first.extend(Asked(number, name) for name in todo)
            self._left[number] = len(todo)
            if not todo and not state.loose.isdisjoint(ids):
                self.ready_shards.append(number)

    @property
    def num_left(self) -> int:
        """How many videos are not settled, those under way included."""
        return self._left.total()

    def next_video(self, now: float) -> Asked | None:
        """Return a video to ask for at the time `now`, None if there is none yet."""
        if self._again and self._again[0][0] <= now:
            return heapq.heappop(self._again)[2]
        return self._first.popleft() if self._first else None

    def wait_s(self, now: float) -> float | None:
        """Return when `next_video` has one; None if only what is under way can bring one."""
        if self._first:
            return 0.0
        return max(0.0, self._again[0][0] - now) if self._again else None

    def put_back(self, asked: Asked) -> None:
        """Take a video back that was not at fault; it comes first."""
        self._first.appendleft(asked)

    def ask_again(self, asked: Asked, at: float) -> None:
        """Take a video back that is to be asked for once more, at the time `at`."""
        again = Asked(asked.shard, asked.youtube_id, asked.attempt + 1)
        heapq.heappush(self._again, (at, next(self._ticket), again))

    def reopen(self, shard: int, youtube_ids: Iterable[str]) -> None:
        """Take videos back that were settled, and whose shard waits for them again."""
        for youtube_id in youtube_ids:
            self._left[shard] += 1
            self._first.appendleft(Asked(shard, youtube_id))

    def settle(self, asked: Asked) -> None:
        """Count a video as done with; the last one makes its shard ready."""
        self._left[asked.shard] -= 1
        if not self._left[asked.shard]:
            self.ready_shards.append(asked.shard)
