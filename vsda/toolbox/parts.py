"""Which part of a set a sequence or a still image belongs to; pure functions of names."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path

from vsda.errors import ShardError, UsageError, VsdaError, suggest
from vsda.storage import read_bytes

PartOf = Callable[[str], str]
"""Sequence, or key of a still image, to the name of its part."""

_NAME = re.compile(r"[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*")
_MAX_SHOWN = 5
_MAX_SEEDS = 1000
_MAX_LIST_BYTES = 1 << 28


def parse_parts(text: str) -> dict[str, Fraction]:
    """Return the share of each part in `text`, such as `train=0.9,val=0.1`, in that order.

    Raises:
        UsageError: Not of this form, a name comes twice, or the shares do not add up to 1.
    """
    shares: dict[str, Fraction] = {}
    for word in text.split(","):
        name, equals, number = (piece.strip() for piece in word.partition("="))
        if not equals or name in shares:
            raise UsageError(
                f"--parts {text!r}: expected NAME=SHARE,NAME=SHARE with different names, such as "
                f"train=0.9,val=0.1; got {word.strip()!r}"
            )
        _check_part(name, "--parts")
        shares[name] = _share(number, text)
    total = sum(shares.values())
    if total != 1:
        raise UsageError(f"--parts {text!r}: the shares add up to {float(total):g}, expected 1")
    return shares


def by_hash(shares: Mapping[str, Fraction], seed: int) -> PartOf:
    """Return the parts by a hash of `seed` and the name: other names do not matter.

    A name keeps its part when names are added or removed; how many names each part gets is near its
    share, as with dice.
    """

    def part_of(name: str) -> str:
        digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
        point = Fraction(int.from_bytes(digest[:8]), 1 << 64)
        end = Fraction(0)
        for part, share in shares.items():
            end += share
            if point < end:
                return part
        raise ValueError(f"the shares of {list(shares)} add up to less than 1")

    return part_of


def seed_for(shares: Mapping[str, Fraction], names: Collection[str]) -> int | None:
    """Return the first seed with which every part gets one of `names`, None where none does."""
    for seed in range(_MAX_SEEDS):
        if {by_hash(shares, seed)(name) for name in names} == set(shares):
            return seed
    return None


def read_list(path: Path) -> dict[str, str]:
    """Return the part of every name in a file of lines `sequence<TAB>part`.

    Empty lines and lines that start with `#` are passed over.

    Raises:
        UsageError: No such file, another form, or a name that comes twice.
    """
    parts: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 2 or not all(cells):
            raise UsageError(f"{path}:{number}: expected sequence<TAB>part, got {line!r}")
        if cells[0] in parts:
            raise UsageError(f"{path}:{number}: {cells[0]} comes twice")
        _check_part(cells[1], f"{path}:{number}:")
        parts[cells[0]] = cells[1]
    return parts


def by_list(parts: Mapping[str, str], names: Iterable[str], place: str, path: Path) -> PartOf:
    """Return the parts that `parts`, the content of the file `path`, gives to `names`.

    Raises:
        ShardError: A name of the set `place` is not in the list, or the other way round.
    """
    known = set(names)
    if missing := sorted(known - parts.keys()):
        raise ShardError(
            f"{path}: {_shown(missing)} of {place} {_are(missing)} in no line; give each a part"
        )
    if strange := sorted(parts.keys() - known):
        hint = suggest(strange[0], sorted(known)) if len(known) <= 100 else ""
        raise ShardError(f"{path}: {_shown(strange)} {_are(strange)} not in {place}.{hint}")
    return parts.__getitem__


def _check_part(name: str, where: str) -> None:
    if not _NAME.fullmatch(name) or name.rpartition("-")[2].isdecimal():
        raise UsageError(
            f"{where} {name!r}: a part is called by letters, digits, '_' and '-' in between, and "
            "does not end in a number alone"
        )


def _share(number: str, text: str) -> Fraction:
    try:
        share = Fraction(Decimal(number))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise UsageError(f"--parts {text!r}: {number!r} is no number") from error
    if not 0 < share <= 1:
        raise UsageError(f"--parts {text!r}: a share of {number}, expected above 0 and at most 1")
    return share


def _lines(path: Path) -> list[str]:
    try:
        return read_bytes(path, most=_MAX_LIST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, VsdaError) as error:
        raise UsageError(f"--list {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--list {path}: {error}; save it as text in UTF-8") from error


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
    return ", ".join(names[:_MAX_SHOWN]) + more


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
