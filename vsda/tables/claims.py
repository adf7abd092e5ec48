"""Claims about rows, and whether they hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Literal

from vsda.errors import RecipeError
from vsda.recipes.tables import TableClaim
from vsda.tables.paired import Estimate, estimate

ALIKE_POINTS = 1.0
"""How far apart rows that are called alike may be, unless the claim says so."""

_COMPARED = re.compile(r"(\S+) ([>~]) (\S+)")
_CLOSES = re.compile(r"(\S+) closes (\d+(?:\.\d+)?) ?%")

Points = Mapping[str, Mapping[int, float]]
"""Points by row and seed."""


class Verdict(StrEnum):
    """What came of a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    NOISE = "within noise"
    OPEN = "cannot tell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A claim that was read.

    Attributes:
        says: In the words of the table.
        kind: `more` than another row, `alike`, or `closes` a share of the gap.
        row: The row that it is about.
        other: The row that it is compared with; for `closes` the source row.
        ceiling: For `closes` the ceiling row.
        by_points: See `TableClaim`.
        share: For `closes`, in [0, 1] or above.
        on: The set.
        origin: Who says so.
    """

    says: str
    kind: Literal["more", "alike", "closes"]
    row: str
    other: str
    ceiling: str = ""
    by_points: float = 0.0
    share: float = 0.0
    on: str
    origin: str

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows that it names."""
        return tuple(filter(None, (self.row, self.other, self.ceiling)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What came of a claim in one column.

    Attributes:
        claim: The claim.
        column: Heading of the column.
        verdict: What came of it.
        estimate: Of the difference in points: row less other; for `closes` what the row reached
            less what it should have. None without a seed that all rows have.
        why: Why it cannot be told; empty otherwise.
    """

    claim: Claim
    column: str
    verdict: Verdict
    estimate: Estimate | None
    why: str = ""


def read_claim(stated: TableClaim, *, on: str, source: str, ceiling: str) -> Claim:
    """Return what a claim says.

    Args:
        stated: As in the table.
        on: The set, where the claim names none.
        source: The table's source row, empty without one.
        ceiling: Its ceiling row.

    Raises:
        RecipeError: It is none of the sentences that `TableClaim` knows, or says what the source
            and the ceiling decide in a table without them.
    """
    make = partial(Claim, says=stated.says, on=stated.on or on, origin=stated.origin)
    if match := _COMPARED.fullmatch(stated.says.strip()):
        kind: Literal["more", "alike"] = "more" if match[2] == ">" else "alike"
        usual = 0.0 if kind == "more" else ALIKE_POINTS
        by_points = usual if stated.by_points is None else stated.by_points
        return make(kind=kind, row=match[1], other=match[3], by_points=by_points)
    if not (match := _CLOSES.fullmatch(stated.says.strip())):
        raise RecipeError(
            f"claim {stated.says!r}: expected `A > B`, `A ~ B` or `A closes 80 %`, with spaces "
            "around the sign"
        )
    if not (source and ceiling):
        raise RecipeError(f"claim {stated.says!r}: the table names no `source` or no `ceiling`")
    share = float(match[2]) / 100
    return make(kind="closes", row=match[1], other=source, ceiling=ceiling, share=share)


def judge(claim: Claim, points: Points, column: str) -> Judgement:
    """Return what came of `claim` with the `points` of one column."""
    found = estimate(_differences(claim, points))
    verdict, why = _verdict(claim, found)
    if found is None:
        missing = [row for row in claim.rows if not points.get(row)]
        why = f"no result of {' and '.join(missing)}" if missing else "no seed in common"
    return Judgement(claim=claim, column=column, verdict=verdict, estimate=found, why=why)


def _differences(claim: Claim, points: Points) -> list[float]:
    by_row = [points.get(row, {}) for row in claim.rows]
    seeds = [seed for seed in by_row[0] if all(seed in row for row in by_row)]
    return [_difference(claim, *(row[seed] for row in by_row)) for seed in seeds]


def _difference(claim: Claim, row: float, other: float, ceiling: float = 0.0) -> float:
    return row - other - (claim.share * (ceiling - other) if claim.kind == "closes" else 0.0)


def _verdict(claim: Claim, found: Estimate | None) -> tuple[Verdict, str]:
    if found is None or found.num == 1:
        return Verdict.OPEN, "one seed"
    margin = claim.by_points
    if claim.kind == "alike":
        if -margin < found.low and found.high < margin:
            return Verdict.HOLDS, ""
        is_apart = found.low > margin or found.high < -margin
        return (Verdict.FAILS if is_apart else Verdict.NOISE), ""
    if found.low > margin:
        return Verdict.HOLDS, ""
    return (Verdict.FAILS if found.high < margin else Verdict.NOISE), ""
