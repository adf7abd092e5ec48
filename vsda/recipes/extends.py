"""Tables of TOML files that lie one over another: what a recipe states over what it extends."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsda.errors import RecipeError, suggest

EXTENDS = "extends"


def read_tables(path: Path) -> dict[str, Any]:
    """Return what the TOML file at `path` holds.

    Raises:
        RecipeError: It cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path.name}: not TOML: {error}") from error
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error


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
