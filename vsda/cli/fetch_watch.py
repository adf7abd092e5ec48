"""Drawing a run of `vsda fetch ytbb`: a table on a terminal, lines elsewhere, JSON for machines."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from vsda.acquire.monitor import Monitor, Status
    from vsda.fetch.rows import VideoRow

LINE_EVERY_S = 60.0
_RATE_OVER_S = 3600.0
_SECONDS_PER_HOUR = 3600.0


@contextmanager
def watch(*, as_json: bool) -> "Iterator[Monitor]":
    """Yield who watches: JSON events on stdout, else a table or lines on stderr."""
    if as_json:
        yield JsonLines()
    elif sys.stderr.isatty():
        with drawn() as drawing:
            yield drawing
    else:
        yield Lines()


class Rate:
    """How many videos an hour, over the last hour, and how long the rest takes at that."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, now: float, num_done: int) -> None:
        """Note how many videos are done."""
        self._seen.append((now, num_done))
        while now - self._seen[0][0] > _RATE_OVER_S:
            self._seen.popleft()

    def per_hour(self) -> float:
        """Return the rate; 0 before there is one."""
        if len(self._seen) < 2:
            return 0.0
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) * _SECONDS_PER_HOUR if end > start else 0.0

    def eta(self, num_left: int) -> str:
        """Return how long `num_left` videos take, in words."""
        per_hour = self.per_hour()
        return words(num_left / per_hour * _SECONDS_PER_HOUR) if per_hour else "unknown"


def words(seconds: float) -> str:
    """Return a time such as `3 d 4 h`, `2 h 5 min` or `40 s`."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


class Lines:
    """A line a minute, and one for whatever stops or slows the run."""

    def __init__(self) -> None:
        self._rate = Rate()
        self._last = time.monotonic()

    def video(self, row: "VideoRow") -> None:
        """Pass over it: the line that comes next counts it."""

    def event(self, name: str, facts: Mapping[str, object]) -> None:
        """Say what slows the run."""
        if name != "shard":
            sys.stderr.write(f"{event_line(name, facts)}\n")

    def status(self, status: "Status") -> None:
        """Write the line if it is time."""
        now = time.monotonic()
        if now - self._last < LINE_EVERY_S:
            return
        self._rate.look(now, status.num_done)
        self._last = now
        sys.stderr.write(f"{status_line(status, self._rate)}\n")


class JsonLines:
    """Every event as a JSON object on a line of its own, on stdout."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def video(self, row: "VideoRow") -> None:
        """Print the row."""
        from vsda.fetch.rows import dump_rows

        self._print({"event": "video", **json.loads(dump_rows([row]))})

    def event(self, name: str, facts: Mapping[str, object]) -> None:
        """Print the event."""
        self._print({"event": name, **facts})

    def status(self, status: "Status") -> None:
        """Print how far the run is, once a minute."""
        now = time.monotonic()
        if now - self._last >= LINE_EVERY_S:
            self._last = now
            self._print(
                {
                    "event": "status",
                    "videos": status.num_videos,
                    "before": status.num_before,
                    "outcomes": dict(status.outcomes),
                    "frames": status.num_frames,
                    "shards": status.num_shards,
                    "running": status.num_running,
                    "wait_s": round(status.wait_s),
                }
            )

    def _print(self, value: Mapping[str, object]) -> None:
        sys.stdout.write(f"{json.dumps(value, sort_keys=True)}\n")
        sys.stdout.flush()


@contextmanager
def drawn() -> "Iterator[Drawing]":
    """Yield a table that is drawn anew once a second."""
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=2) as live:
        yield Drawing(live)


class Drawing:
    """The table on a terminal."""

    def __init__(self, live: "Live") -> None:
        self._live, self._rate = live, Rate()
        self._events: deque[str] = deque(maxlen=4)

    def video(self, row: "VideoRow") -> None:
        """Keep failures in sight for a while."""
        if row.message:
            self._events.append(f"{row.video}: {row.outcome.value}: {row.message}")

    def event(self, name: str, facts: Mapping[str, object]) -> None:
        """Keep it in sight for a while."""
        if name != "shard":
            self._events.append(event_line(name, facts))

    def status(self, status: "Status") -> None:
        """Draw."""
        self._rate.look(time.monotonic(), status.num_done)
        self._live.update(status_table(status, self._rate, list(self._events)))


def status_table(status: "Status", rate: Rate, events: list[str]) -> "Table":
    """Return what a terminal shows of a run."""
    from rich.markup import escape
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    num_settled = status.num_before + status.num_done
    table.add_row("videos", f"{num_settled} of {status.num_videos}", _waits(status))
    table.add_row("", ProgressBar(total=max(1, status.num_videos), completed=num_settled, width=40))
    table.add_row(
        "rate",
        f"{rate.per_hour():.0f} an hour, {status.num_running} under way",
        f"left: {rate.eta(status.num_videos - num_settled)}",
    )
    table.add_row("written", f"{status.num_frames} frames, {status.num_shards} shards")
    for outcome, count in sorted(status.outcomes.items()):
        table.add_row("", f"{outcome}: {count}")
    for event in events:
        table.add_row("", escape(event))
    return table


def status_line(status: "Status", rate: Rate) -> str:
    """Return what a log shows of a run."""
    num_settled = status.num_before + status.num_done
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(status.outcomes.items()))
    left = rate.eta(status.num_videos - num_settled)
    return (
        f"ytbb: {num_settled} of {status.num_videos} videos ({outcomes or 'none in this run'}), "
        f"{status.num_frames} frames, {rate.per_hour():.0f} videos an hour, left: {left}"
        f"{'; ' if _waits(status) else ''}{_waits(status)}"
    )


def event_line(name: str, facts: Mapping[str, object]) -> str:
    """Return one line about an event."""
    told = ", ".join(f"{key} {value}" for key, value in facts.items() if key != "message")
    message = f": {facts['message']}" if facts.get("message") else ""
    return f"{name}: {told}{message}"


def _waits(status: "Status") -> str:
    return f"{status.waits_for}, waits {words(status.wait_s)}" if status.waits_for else ""
