"""What is wrong with a recipe, in the words of its keys: pydantic's errors as sentences."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from vsda.errors import suggest

_SHORT = 60


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where an error is.

    Attributes:
        key: The dotted key, without what pydantic puts in of its own.
        owner: The model that has, or lacks, the last part of `key`.
        tag: What the owner is called among `members`, empty for a model that stands alone.
        members: The models of the last union of tables on the way, by tag.
    """

    key: str
    owner: type[BaseModel]
    tag: str
    members: Mapping[str, type[BaseModel]]


def sentences(model: type[BaseModel], error: ValidationError, where: str) -> list[str]:
    """Return one sentence per wrong key of a `model`, each starting with `where`.

    What is wrong with the whole has no key.

    A value that none of several types takes is one sentence with what each of them expects.
    """
    said: dict[str, list[str]] = {}
    for problem in error.errors():
        key, text = _explained(_spot(model, problem["loc"]), dict(problem))
        texts = said.setdefault(key, [])
        texts.append(text if not texts else str(problem["msg"]))
    places = {key: f"{where}: {key}" if key else where for key in said}
    return [f"{places[key]}: {', or '.join(texts)}" for key, texts in said.items()]


def _explained(spot: _Spot, problem: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key that is wrong and what is wrong with it."""
    kind = problem["type"]
    if kind == "extra_forbidden":
        return spot.key, _unknown_key(spot)
    if kind == "missing":
        return spot.key, "this key is required"
    if kind == "union_tag_invalid":
        tag = str(problem["ctx"]["tag"])
        return f"{spot.key}.name", f"unknown name {tag!r}.{suggest(tag, spot.members)}"
    if kind == "value_error":  # two keys that contradict each other: both are in its words
        return spot.key, str(problem["ctx"]["error"])
    return spot.key, f"got {_shown(problem['input'])}; {_expected(problem)}"


def _shown(value: Any) -> str:
    return "a table" if isinstance(value, Mapping) else f"{value!r:.200}"


def _expected(problem: Mapping[str, Any]) -> str:
    value, kind = problem["input"], problem["type"]
    if kind in {"union_tag_not_found", "model_type", "model_attributes_type"}:
        return "expected a table"
    if kind != "tuple_type":
        return str(problem["msg"])
    short = isinstance(value, str | int | float) and len(str(value)) < _SHORT
    return f"expected a list, such as [{json.dumps(value)}]" if short else "expected a list"


def _unknown_key(spot: _Spot) -> str:
    key = spot.key.rpartition(".")[2]
    if not spot.tag:
        return f"unknown key.{suggest(key, spot.owner.model_fields)}"
    others = [tag for tag, member in spot.members.items() if key in member.model_fields]
    if not others:
        return f"unknown key of {spot.tag}.{suggest(key, spot.owner.model_fields)}"
    return (
        f"a key of {' and '.join(others)}, not of {spot.tag}, which the name asks for; change the "
        f"name and its keys together, in a recipe. Known: {', '.join(spot.owner.model_fields)}."
    )


def _spot(model: type[BaseModel], location: Sequence[str | int]) -> _Spot:
    """Return where `location` is, by following the types from `model` on."""
    parts: list[str] = []
    owner, tag, members = model, "", dict[str, type[BaseModel]]()
    at: Any = model
    for part in location:
        members = _tagged(at) or members
        if _is_model(at):
            owner = at
            parts.append(str(part))
            field = at.model_fields.get(part)
            at = None if field is None else field.annotation
        elif part in _tagged(at):
            tag = str(part)
            at = members[tag]
        elif get_origin(at) not in (None, Union, UnionType, Annotated):  # into a tuple or mapping
            parts.append(str(part))
            at = get_args(at)[-1 if isinstance(part, str) else 0]
        # else: pydantic's name for one type of several, which is no key
    members = _tagged(at) or members
    return _Spot(".".join(parts), owner, tag if members.get(tag) is owner else "", members)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _tagged(annotation: Any) -> dict[str, type[BaseModel]]:
    """Return the members of a union of tables by their tags, nothing for any other type."""
    return dict(_tags(annotation))


def _tags(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    for member in get_args(annotation):
        for extra in get_args(member)[1:]:
            if isinstance(extra, Tag):
                yield extra.tag, get_args(member)[0]
