"""Arms: runs that differ in nothing but the seed, judged as one, with the spread over the seeds.

What one lucky seed reaches says little, so where an arm has several runs, an arm is called best on
a set only if each of its runs beats every run of every other arm.
"""

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from vsda.report.compare import SetResult
from vsda.report.provenance import flatten, origins
from vsda.report.read import Run
from vsda.report.scores import Range, mean_range
from vsda.report.text import DECIMALS, mean_text, signed_text

_NOT_PART_OF_AN_ARM = {"seed", "description"}
_SEED_AT_END = re.compile(r"[-_./]*(seed[-_]?\d*)?$")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmScore:
    """One arm on one set, in points.

    Attributes:
        num_judged: Runs that were judged.
        mean: Over them.
        deviation: Their sample standard deviation; None for a single run.
        range: What other draws of the videos would give, bounds averaged over the runs.
        difference: Of the means, to the first arm; None where they cannot be compared.
        num_ahead: Runs that beat the first arm's run of the same seed.
        num_pairs: Runs that have such a partner.
        best: Each run beats every run of the other arms.
    """

    num_judged: int
    mean: float
    deviation: float | None
    range: Range | None
    difference: float | None
    num_ahead: int
    num_pairs: int
    best: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """Runs of one recipe on the same data.

    Attributes:
        name: What the names of its runs have in common.
        positions: Of its runs among all runs.
        letters: Of its runs.
        scores: One for each set; None where none of its runs was judged.
    """

    name: str
    positions: tuple[int, ...]
    letters: tuple[str, ...]
    scores: tuple[ArmScore | None, ...]


def arms(runs: Sequence[Run], results: Sequence[SetResult]) -> tuple[Arm, ...]:
    """Return the arms in the order of their first runs, with their scores on the sets `results`."""
    groups = group_runs(runs)
    columns = [_scores(result, groups, runs) for result in results]
    return tuple(
        Arm(
            name=_name([runs[position].name for position in group]),
            positions=group,
            letters=tuple(runs[position].letter for position in group),
            scores=tuple(column[number] for column in columns),
        )
        for number, group in enumerate(groups)
    )


def group_runs(runs: Sequence[Run]) -> tuple[tuple[int, ...], ...]:
    """Return the positions of the runs arm by arm.

    Runs with the same seed are never one arm: they would be the same run twice, not a repetition.
    """
    groups: list[list[int]] = []
    for position, run in enumerate(runs):
        for group in groups:
            seeds = [runs[other].recipe.get("seed") for other in group]
            if _kind(runs[group[0]]) == _kind(run) and run.recipe.get("seed") not in seeds:
                group.append(position)
                break
        else:
            groups.append([position])
    return tuple(map(tuple, groups))


def has_repeats(all_arms: Sequence[Arm]) -> bool:
    """Tell whether any arm has more than one run."""
    return any(len(arm.positions) > 1 for arm in all_arms)


def arm_verdict(all_arms: Sequence[Arm], set_index: int) -> str:
    """Return one sentence that says which arm is ahead on a set, if any is."""
    known = [(arm, score) for arm in all_arms if (score := arm.scores[set_index]) is not None]
    if not known:
        return "No mean: none of the classes occurs in this set."
    arm, score = max(known, key=lambda pair: pair[1].mean)
    reached = f"{mean_text(score.mean, score.deviation)} over {_count(score.num_judged, 'seed')}"
    if len(known) == 1:
        return f"{_label(arm)} reaches {reached}."
    if not score.best:
        return (
            "No clear winner: the runs of the arms overlap. The highest mean is "
            f"{reached}, of {_label(arm)}."
        )
    text = f"{_label(arm)} is ahead with every run, at {reached}"
    if score.difference is None:
        return f"{text}."
    against = f"{signed_text(score.difference)} points against {_label(all_arms[0])}"
    return f"{text}, {against}."


def _scores(
    result: SetResult, groups: Sequence[tuple[int, ...]], runs: Sequence[Run]
) -> list[ArmScore | None]:
    means = [_judged(result, group) for group in groups]
    comparable = result.caution is None
    return [
        _score(
            means,
            number,
            _pairs(result, groups, runs, number),
            bounds=_range(result, group),
            comparable=comparable,
        )
        for number, group in enumerate(groups)
    ]


def _score(
    means: Sequence[Sequence[float]],
    number: int,
    pairs: Sequence[tuple[float, float]],
    *,
    bounds: Range | None,
    comparable: bool,
) -> ArmScore | None:
    own = means[number]
    if not own:
        return None
    others = [value for place, row in enumerate(means) for value in row if place != number]
    has_first = comparable and number > 0 and bool(means[0])
    return ArmScore(
        num_judged=len(own),
        mean=statistics.fmean(own),
        deviation=statistics.stdev(own) if len(own) > 1 else None,
        range=bounds,
        difference=statistics.fmean(own) - statistics.fmean(means[0]) if has_first else None,
        num_ahead=sum(_rounded(mine) > _rounded(first) for mine, first in pairs),
        num_pairs=len(pairs) if comparable else 0,
        best=comparable and bool(others) and _rounded(min(own)) > _rounded(max(others)),
    )


def _judged(result: SetResult, group: Sequence[int]) -> list[float]:
    means = [result.scores[position].mean_iou for position in group]
    return [mean for mean in means if mean is not None]


def _range(result: SetResult, group: Sequence[int]) -> Range | None:
    scores = [result.scores[position] for position in group]
    return mean_range([score.range for score in scores if score.mean_iou is not None])


def _pairs(
    result: SetResult, groups: Sequence[tuple[int, ...]], runs: Sequence[Run], number: int
) -> list[tuple[float, float]]:
    """Return the scores of an arm's runs, each with that of the first arm's run of its seed."""
    if number == 0:
        return []
    partners = {
        runs[position].recipe.get("seed"): result.scores[position].mean_iou
        for position in groups[0]
    }
    return [
        (mean, first)
        for position in groups[number]
        if (mean := result.scores[position].mean_iou) is not None
        and (first := partners.get(runs[position].recipe.get("seed"))) is not None
    ]


def _kind(run: Run) -> tuple[tuple[str, str], ...]:
    settings = ((key, _without_seed(run, value)) for key, value in flatten(run.recipe))
    recipe = [item for item in settings if item[0] not in _NOT_PART_OF_AN_ARM]
    data = [item for item in origins(run) if item[0].startswith(("images.", "videos."))]
    return (*recipe, *data)


def _without_seed(run: Run, value: str) -> str:
    """Return a setting without the run's own seed: each may start from the run of its seed."""
    return re.sub(rf"(seed[-_]?){run.recipe.get('seed')}(?!\d)", r"\1", value)


def _name(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return _SEED_AT_END.sub("", "".join(first for first, *_ in same)) or ", ".join(names)


def _label(arm: Arm) -> str:
    return f"{', '.join(arm.letters)} ({arm.name})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _rounded(value: float) -> float:
    return round(value, DECIMALS)
