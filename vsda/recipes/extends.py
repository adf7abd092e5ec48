"""Tables of TOML files that lie one over another: what a recipe states over what it extends."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsda.errors import RecipeError, suggest

EXTENDS = "extends"
_DEEPEST = 20
_TOO_DEEP = f"tables or lists lie in each other more than {_DEEPEST} times"


def read_tables(path: Path) -> dict[str, Any]:
    """Return what the TOML file at `path` holds.

    Raises:
        RecipeError: It cannot be read, is not TOML, or has tables in tables without end.
    """
    try:
        # With "-sig", as some editors put a mark of the encoding first.
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:  # also of a number with thousands of digits
        raise RecipeError(f"{path.name}: not TOML: {error}") from error
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise RecipeError(f"{path.name}: {_TOO_DEEP}") from error
    refuse_deep(values, path.name)
    return values


def refuse_deep(value: Any, where: str) -> None:
    """Refuse what lies deeper than any recipe does, so that nothing after this recurses far.

    Raises:
        RecipeError: Tables or lists are in each other more than 20 times.
    """
    level = [value]
    for _ in range(_DEEPEST):
        nested = [each for each in level if isinstance(each, Mapping | list)]
        level = [
            item
            for each in nested
            for item in (each.values() if isinstance(each, Mapping) else each)
        ]
    if any(isinstance(each, Mapping | list) for each in level):
        raise RecipeError(f"{where}: {_TOO_DEEP}")


def read_extended(path: Path, known: Mapping[str, Path]) -> tuple[dict[str, Any], list[Path]]:
    """Return the tables of the recipe at `path` over all that it extends, and the files of those.

    `extends` is a name, first of a file in the same folder and then of `known`, or a path ending in
    .toml, relative to that folder. A recipe of a known one's own name may extend that.

    Raises:
        RecipeError: Not TOML, a file that is not there, an unknown name, or files in a circle.
    """
    values = read_tables(path)
    chain = [path]
    while (base := _base(chain[-1], values.pop(EXTENDS, None), known)) is not None:
        if any(base.samefile(seen) for seen in chain):
            circle = " -> ".join(file.name for file in [*chain, base])
            raise RecipeError(f"{chain[0].name}: {EXTENDS}: goes in a circle, {circle}")
        values = laid_over(read_tables(base), values)
        chain.append(base)
    return values, chain[1:]


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` with the values of `over`; tables are merged, all else is replaced."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = laid_over(below, value)
        else:
            result[key] = value
    return result


def _base(path: Path, name: Any, known: Mapping[str, Path]) -> Path | None:
    """Return the file that the recipe at `path` extends by `name`, None if it extends nothing."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise RecipeError(
            f"{path.name}: {EXTENDS}: got {name!r}; expected the name of one recipe, or its path"
        )
    if name.endswith(".toml"):
        base = path.parent / Path(name).expanduser()
        if not base.is_file():
            raise RecipeError(f"{path.name}: {EXTENDS}: no such recipe file: {base}")
        return base
    beside = {file.stem: file for file in path.parent.glob("*.toml")}
    if name == path.stem and name in known:
        return known[name]
    by_name = {**known, **beside}
    if name not in by_name:
        names = sorted(by_name.keys() - {path.stem})
        raise RecipeError(f"{path.name}: {EXTENDS}: unknown recipe {name!r}.{suggest(name, names)}")
    return by_name[name]
