"""What `vsda prepare` says of sets that it wrote, or would write."""

import sys
from typing import TYPE_CHECKING

from vsda.errors import ExitCode

if TYPE_CHECKING:
    from vsda.prepare import PlannedSet, PrepareReport

_SHOWN_PER_OUTCOME = 3


def exit_code(sets: list[tuple[bool, int]]) -> ExitCode:
    """Return the exit code for sets of which each is there or not and lacks so many items."""
    if not any(is_there for is_there, _ in sets):
        return ExitCode.FAILED
    whole = all(is_there and not num_failed for is_there, num_failed in sets)
    return ExitCode.DONE if whole else ExitCode.PARTIAL


def print_results(
    results: "list[PrepareReport] | list[PlannedSet]", lines: list[list[str]], *, as_json: bool
) -> None:
    """Print what became of the sets, one group of `lines` each; say their notes on stderr."""
    import json

    for result in results:
        _tell(result)
    if as_json:
        print(json.dumps([result.to_dict() for result in results], indent=2))
    else:
        print("\n".join(line for group in lines for line in group))


def _tell(result: "PrepareReport | PlannedSet") -> None:
    """Say on stderr what a user should know of a set: its notes, and its failures by kind."""
    lines = [f"note: {note}" for note in result.notes]
    for outcome in sorted({failure.outcome for failure in result.failures}):
        messages = [row.message for row in result.failures if row.outcome == outcome]
        lines.append(f"{outcome}: {result.outcomes[outcome]} failed")
        lines.extend(f"  {message}" for message in messages[:_SHOWN_PER_OUTCOME])
        if len(messages) > _SHOWN_PER_OUTCOME:
            lines.append(f"  and {len(messages) - _SHOWN_PER_OUTCOME} more")
    sys.stderr.write("".join(f"{result.name}: {line}\n" for line in lines))


def report_line(report: "PrepareReport") -> str:
    """Return the line about a set that was written, or could not be."""
    if report.index is None:
        return _nothing_line(report)
    sequences = f"{report.num_sequences} sequences, " if report.num_sequences else ""
    failed = f", {report.num_failed} failed" if report.num_failed else ""
    done = " (up to date)" if report.up_to_date else ""
    return (
        f"{report.name}: {report.num_samples} frames, {sequences}{len(report.class_frames)} "
        f"classes, {report.num_shards} shards, {report.num_bytes / 1e6:.1f} MB{failed}{done}  "
        f"{report.index}"
    )


def _nothing_line(report: "PrepareReport") -> str:
    ending = "the set that is there stays" if report.old_set_stays else "so there is no set"
    return f"{report.name}: nothing could be written ({_counts(report)}), {ending}"


def _counts(result: "PrepareReport | PlannedSet") -> str:
    counts = [f"{count} {name}" for name, count in result.outcomes.items()]
    return ", ".join(counts) or "no items found"


def planned_lines(planned: "PlannedSet") -> list[str]:
    """Return the lines about a set that would be written."""
    if not planned.num_samples:
        return [f"{planned.name}: would write nothing ({_counts(planned)})"]
    failed = f", {planned.num_failed} would fail" if planned.num_failed else ""
    sequences = f"{len(planned.sequences)} sequences, " if planned.sequences else ""
    head = (
        f"{planned.name}: would write {planned.num_samples} frames, {sequences}"
        f"{len(planned.class_frames)} classes, {planned.num_shards} shards{failed}"
    )
    by_class = [f"  {name}: {count} frames" for name, count in planned.class_frames.items()]
    by_sequence = [
        f"  {row['name']}: {row['frames']} frames, {', '.join(row['classes']) or 'not remapped'}"
        for row in planned.to_dict()["sequences"]
    ]
    return [head, *by_class, *by_sequence]
