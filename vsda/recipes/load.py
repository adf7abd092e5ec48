"""TOML to frozen pydantic models: unknown keys, wrong types and `--set` go through one check."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from vsda.errors import RecipeError, UnknownNameError, suggest
from vsda.resources import resource_dir


class Settings(BaseModel):
    """A table of a recipe: frozen, exact about types, without unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
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


def load_recipe(model: type[Recipe], path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe at `path` with `overrides` (`key=value`, `table.key=value`) laid over it.

    Raises:
        RecipeError: Not TOML, an unknown key, a value of another type or out of range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path.name}: not TOML: {error}") from error
    for override in overrides:
        _lay_over(values, override)
    return check(model, values, path.name)


def check(model: type[Recipe], values: Mapping[str, Any], where: str) -> Recipe:
    """Return `values` as a `model`; the error names the place, the key and what was expected."""
    try:
        return model.model_validate(_tuples(values))
    except ValidationError as error:
        lines = [_sentence(model, dict(problem), where) for problem in error.errors()]
        raise RecipeError("; ".join(lines)) from None


def parse_value(text: str) -> Any:
    """Return what `text` means in TOML; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _lay_over(values: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted.strip():
        raise RecipeError(f"--set {override!r}: expected KEY=VALUE, such as steps=20")
    *tables, key = dotted.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise RecipeError(f"--set {override!r}: {table!r} is a value, not a table")
    values[key] = parse_value(text.strip())


def _tuples(value: Any) -> Any:
    """Return `value` with lists as tuples: strict models take tuples only, TOML has lists only."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return value


def _sentence(model: type[BaseModel], problem: Mapping[str, Any], where: str) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *tables, key = (str(part) for part in problem["loc"])
        return f"{where}: {place}: unknown key.{suggest(key, _fields(model, tables))}"
    if problem["type"] == "missing":
        return f"{where}: {place}: this key is required"
    return f"{where}: {place}: got {problem['input']!r}; {problem['msg']}"


def _fields(model: type[BaseModel], tables: Sequence[str]) -> list[str]:
    for table in tables:
        model = next(_models(model.model_fields[table].annotation))
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
