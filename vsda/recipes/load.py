"""TOML to frozen pydantic models: unknown keys, wrong types and `--set` go through one check."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from vsda.errors import RecipeError, UnknownNameError
from vsda.recipes.extends import laid_over, read_extended, refuse_deep
from vsda.recipes.problems import sentences
from vsda.resources import resource_dir


class Settings(BaseModel):
    """A table of a recipe: frozen, exact about types, with finite numbers and no unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


Recipe = TypeVar("Recipe", bound=Settings)


def recipe_paths(kind: str) -> dict[str, Path]:
    """Return the recipes of a kind (`train`, `data`) by name."""
    folder = resource_dir("pipelines") / kind
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_recipe(kind: str, name: str) -> Path:
    """Return the file of the recipe `name`, which may also be a path to a TOML file.

    Raises:
        UnknownNameError: No recipe of that name.
        RecipeError: A path that does not exist.
    """
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise RecipeError(f"{name}: no such recipe file")
        return Path(name)
    known = recipe_paths(kind)
    if name not in known:
        raise UnknownNameError(f"{kind} recipe", name, known)
    return known[name]


def load_recipe(
    model: type[Recipe],
    path: Path,
    overrides: Sequence[str] = (),
    *,
    kind: str = "",
    preset: Mapping[str, Any] | None = None,
) -> Recipe:
    """Return the recipe at `path`, over what it extends, with settings laid over it.

    Args:
        model: The shape of the recipe.
        path: Its file.
        overrides: Settings `key=value` or `table.key=value`, which win over all else.
        kind: Where a name that the recipe extends is looked for besides its own folder.
        preset: Tables that lie between the recipe and `overrides`.

    Raises:
        RecipeError: Not TOML, an unknown key, a value of another type or out of range.
    """
    values, extended = read_extended(path, recipe_paths(kind) if kind else {})
    values = with_settings(laid_over(values, preset or {}), overrides)
    names = ", ".join(file.name for file in extended)
    return check(model, values, f"{path.name} (over {names})" if names else path.name)


def with_settings(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return `values` with settings `key=value` or `table.key=value` laid over them.

    Raises:
        RecipeError: Not such a setting, or its table is a value.
    """
    result = dict(values)
    for override in overrides:
        tables, setting = _as_tables(override)
        refuse_deep(setting, f"--set {override:.40}")
        at: Any = result
        for table in tables:
            at = at.get(table, {})
            if not isinstance(at, Mapping):
                raise RecipeError(f"--set {override!r}: {table!r} is a value, not a table")
        result = laid_over(result, setting)
    return result


def check(model: type[Recipe], values: Mapping[str, Any], where: str) -> Recipe:
    """Return `values` as a `model`; the error names the place, the key and what was expected."""
    try:
        return model.model_validate(_tuples(values))
    except ValidationError as error:
        raise RecipeError("; ".join(sentences(model, error, where))) from None


def parse_value(text: str) -> Any:
    """Return what `text` means in TOML; a bare word is a string, as is what cannot be read."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # a number with thousands of digits is a ValueError
        return text


def _as_tables(override: str) -> tuple[list[str], dict[str, Any]]:
    """Return the names of the tables that a setting goes into, and the setting inside them."""
    dotted, equals, text = override.partition("=")
    if not equals or not dotted.strip():
        raise RecipeError(f"--set {override!r}: expected KEY=VALUE, such as steps=20")
    *tables, key = dotted.strip().split(".")
    setting: dict[str, Any] = {key: parse_value(text.strip())}
    for table in reversed(tables):
        setting = {table: setting}
    return tables, setting


def _tuples(value: Any) -> Any:
    """Return `value` with lists as tuples: strict models take tuples only, TOML has lists only."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return value
