"""Accounting for each name of a file and of a network."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from torch import Tensor

from vsda.models.weights.piece import Piece, Pieces, shown

DISPENSABLE = {
    "relative_position_index": "follows from the window size",
    "attn_mask": "follows from the window size",
}
"""Buffers, by the last part of their name, that are never taken from a file."""
_COUNTER = ".num_batches_tracked"
_AUXILIARY = "auxiliary."


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What may be left out, and why."""

    classifiers: Sequence[str]
    """The network's layers whose shape depends on the number of classes."""
    why_other_classes: str | None
    """Why the file's classifiers are left out even where they would fit; None takes those."""
    skips: Mapping[str, str]
    """Patterns of the file's names that the network has no use for -> why."""
    lacks: Mapping[str, str]
    """Patterns of the network's names that the file need not have -> why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """Which pieces of a file fit which tensors of a network, and what becomes of all others."""

    fitting: dict[str, Piece] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    misfits: list[str] = field(default_factory=list)
    """What should fit and does not, for people."""
    lacking: list[str] = field(default_factory=list)
    """Those of the network's names among them that the file does not have."""


def match_names(pieces: Pieces, wanted: Mapping[str, Tensor], rules: Rules) -> Match:
    """Return how `pieces`, under the network's names, go with the `wanted` tensors."""
    match = Match()
    for name in sorted(pieces.keys() | wanted.keys()):
        got, want = pieces.get(name), wanted.get(name)
        reason = _why_left_out(name, got, want, rules)
        reason = reason or _why_absent(name, pieces, wanted, rules)
        if reason and got:
            match.skipped.update(dict.fromkeys(got.names, reason))
        if reason and want is not None:
            match.missing[name] = reason
        elif got and want is not None and _fits(got, want):
            match.fitting[name] = got
        elif not reason:
            match.misfits.append(_describe(name, got, want))
            match.lacking.extend([name] if got is None else [])
    return match


def _why_left_out(name: str, got: Piece | None, want: Tensor | None, rules: Rules) -> str | None:
    """Return why the tensor `name` is not loaded although it might be on both sides."""
    layer, _, last = name.rpartition(".")
    if last in DISPENSABLE:
        return DISPENSABLE[last]
    if got is None or want is None or layer not in rules.classifiers:
        return None
    if got.shape[1:] != want.shape[1:] or not got.shape:
        return None
    if got.shape[0] != want.shape[0]:
        return f"classifier of {got.shape[0]} classes, the network has {want.shape[0]}"
    return rules.why_other_classes


def _why_absent(
    name: str, pieces: Pieces, wanted: Mapping[str, Tensor], rules: Rules
) -> str | None:
    """Return why the tensor `name` may be on one side only, None if it is on both or may not."""
    if name in pieces and name in wanted:
        return None
    if name in pieces:
        why = _matching(rules.skips, pieces[name].names[0])
        return why or _why_one_sided(name, "network", wanted)
    return _matching(rules.lacks, name) or _why_one_sided(name, "file", pieces)


def _why_one_sided(name: str, lacking: str, names: Collection[str]) -> str | None:
    """Return why `name` may be absent from the `names` of the side that is `lacking` it."""
    if name.startswith(_AUXILIARY) and not any(other.startswith(_AUXILIARY) for other in names):
        return f"the {lacking} has no auxiliary head"
    return "a counter that no layer reads" if name.endswith(_COUNTER) else None


def _matching(patterns: Mapping[str, str], name: str) -> str | None:
    """Return what the first pattern of `name` stands for."""
    reasons = (why for pattern, why in patterns.items() if fnmatchcase(name, pattern))
    return patterns.get(name) or next(reasons, None)


def _fits(got: Piece, want: Tensor) -> bool:
    return got.shape == want.shape and (got.is_floating or not want.is_floating_point())


def _describe(name: str, got: Piece | None, want: Tensor | None) -> str:
    if got is None:
        return f"lacks {name!r}"
    names = " + ".join(map(shown, got.names))
    if want is None:
        return f"has {names}, which the network lacks"
    if got.shape == want.shape:
        return f"has {names} as whole numbers"
    return f"has {names} as {shown(got.shape)}, the network {tuple(want.shape)}"
