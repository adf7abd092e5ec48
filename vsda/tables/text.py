"""How a table's numbers are printed, in Markdown and on the page alike."""

import math
from collections.abc import Iterable

from vsda.report.text import DASH, mean_text, points_text, signed_text
from vsda.tables.claims import Judgement
from vsda.tables.paired import LEVEL, Estimate
from vsda.tables.results import Column, Results, Score

INTERVAL = f"{100 * LEVEL:.0f} % interval"


def score_text(score: Score | None, num_seeds: int) -> str:
    """Return mean and deviation, and how many seeds there are where some are missing."""
    if score is None:
        return DASH
    num = len(score.by_seed)
    return mean_text(score.mean, score.deviation) + ("" if num == num_seeds else f" ({num})")


def estimate_text(estimate: Estimate | None) -> str:
    """Return a difference with its interval."""
    if estimate is None:
        return DASH
    if math.isinf(estimate.low):
        return signed_text(estimate.mean)
    return (
        f"{signed_text(estimate.mean)} [{signed_text(estimate.low)}, {signed_text(estimate.high)}]"
    )


def share_text(score: Score | None) -> str:
    """Return the share of the gap as per cent."""
    if score is None or score.share is None:
        return DASH
    return f"{100 * score.share:.0f} %".replace("-", "\N{MINUS SIGN}")


def verdict_text(judgement: Judgement) -> str:
    """Return what came of a claim, and why where it cannot be told."""
    return str(judgement.verdict) + (f": {judgement.why}" if judgement.why else "")


def claim_text(judgement: Judgement) -> str:
    """Return a claim with the margin that is not evident."""
    claim = judgement.claim
    if claim.kind == "alike":
        return f"{claim.says}, within {points_text(claim.by_points)}"
    if claim.kind == "more" and claim.by_points:
        return f"{claim.says}, by {signed_text(claim.by_points)}"
    return claim.says


def published_text(results: Results, row: str, column: Column) -> str:
    """Return what somebody published for a row in a column."""
    return points_text(results.grid.table.rows[row].published.get(column.set_name))


def num_seeds(results: Results, row: str) -> int:
    """Return with how many seeds a row is run."""
    return len(results.grid.table.rows[row].seeds or results.grid.seeds)


def settings_text(results: Results) -> str:
    """Return with how many seeds, in which worlds, and what the numbers are."""
    seeds = results.grid.seeds
    worlds = results.grid.worlds
    where = f"{'worlds' if len(worlds) > 1 else 'world'} {_listed(worlds)}"
    spread = "one run each" if len(seeds) == 1 else "mean and deviation over the seeds"
    return f"Mean IoU in per cent, {spread}; seeds {', '.join(map(str, seeds))}; {where}."


def missing_text(results: Results) -> str:
    """Return which cells are not finished, empty if all are."""
    names = results.missing
    if not names:
        return ""
    total = len(names) + len(results.records)
    shown = ", ".join(names[:10]) + (" and others" if len(names) > 10 else "")
    return f"{len(names)} of {total} runs are not finished: {shown}."


def full_label(results: Results, row: str) -> str:
    """Return what the table calls a row, with its group."""
    found = results.grid.table.rows[row]
    return ", ".join(filter(None, [found.group, found.label or found.name]))


def differences_text(results: Results) -> str:
    """Return what the differences are; empty in a table whose rows are compared with none."""
    table = results.grid.table
    baselines = dict.fromkeys(filter(None, map(table.baseline, results.shown)))
    if not baselines:
        return ""
    names = " or ".join(f"`{name}`" for name in baselines)
    own = " of the same network" if len(baselines) > 1 else ""
    sentence = f"Difference to {names}{own}, paired over the seeds, with its {INTERVAL}"
    if not table.recipe.ceiling:
        return f"{sentence}."
    return f"{sentence}, and the share of the gap to `{table.recipe.ceiling}`.{_doubt(results)}"


def _doubt(results: Results) -> str:
    """Return where shares say little, since the gap itself may be none."""
    within = [one.heading for one in results.columns if one.gap is None or one.gap.low <= 0]
    return f" Within noise is the gap itself on {_listed(within)}." if within else ""


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
