"""The claims of a table with one world or several, as they stand on the page."""

from dataclasses import dataclass

from vsda.tables.claims import Judgement, Verdict
from vsda.tables.results import Results
from vsda.tables.text import claim_text, estimate_text, verdict_text

_TONES = {
    Verdict.HOLDS: "good",
    Verdict.FAILS: "bad",
    Verdict.NOISE: "soft",
    Verdict.OPEN: "soft",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdicts:
    """A claim and what came of it.

    Attributes:
        says: The claim.
        on: Its set.
        origin: Who says so.
        cells: One for each heading: tone, verdict, difference.
    """

    says: str
    on: str
    origin: str
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimsTable:
    """All claims; `headings` are the worlds, where there are several."""

    headings: tuple[str, ...]
    rows: tuple[Verdicts, ...]


def claims_table(results: Results) -> ClaimsTable:
    """Return the claims in their order."""
    by_claim: dict[int, list[Judgement]] = {}
    for one in results.judgements:
        by_claim.setdefault(id(one.claim), []).append(
            one
        )  # the same sentence may stand there twice
    worlds = dict.fromkeys(column.world for column in results.columns)
    return ClaimsTable(
        headings=tuple(worlds) if len(worlds) > 1 else ("verdict",),
        rows=tuple(
            Verdicts(
                says=claim_text(of_claim[0]),
                on=of_claim[0].claim.on,
                origin=of_claim[0].claim.origin,
                cells=tuple(map(_cell, of_claim)),
            )
            for of_claim in by_claim.values()
        ),
    )


def _cell(judgement: Judgement) -> tuple[str, str, str]:
    tone = _TONES[judgement.verdict]
    return tone, verdict_text(judgement), estimate_text(judgement.estimate)
