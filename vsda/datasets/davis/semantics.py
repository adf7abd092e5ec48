"""Which class every value of a mask of `Annotations_semantics` has: one number per category.

The package brings `categories.json`, category name -> `{"id": ..., "super_category": ...}`, and
`davis_semantics.json`, sequence -> object id of `Annotations` -> category name. Where they lie in
the dataset's folder, or in `Annotations_semantics`, they count; where not, the manifest's tables.
That a pixel holds the id of categories.json is what the authors and other readers of the package
say of it; the package itself was not at hand when this was written. So a sequence takes only the
categories that it is said to have: masks of another form, such as object ids, fail by name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from vsda.datasets.davis.objects import BASE_VALUES, ValueTables, chosen_objects, table_settings
from vsda.datasets.listing import Request
from vsda.errors import DatasetError, ManifestError
from vsda.manifests import NO_CLASS, davis_categories, davis_objects, manifest_path

CATEGORIES_JSON = "categories.json"
SEMANTICS_JSON = "davis_semantics.json"
_FOLDERS = ("", "Annotations_semantics")
_MOST_JSON_BYTES = 10_000_000  # the real ones have some thousand


class _Category(BaseModel):
    id: Annotated[int, Field(ge=1, le=254)]


_CATEGORIES = TypeAdapter(dict[str, _Category])
_SEMANTICS = TypeAdapter(dict[str, dict[str, str]])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """The content of a JSON file of the package, and its path; None where there is none."""

    path: Path | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


def semantic_tables(request: Request, root: Path) -> ValueTables | None:
    """Return, by sequence, the COCO id of every mask value; None if masks stay as they are.

    Raises:
        DatasetError: A JSON file of the package is not what it should be.
        ManifestError: The user's table is wrong; the message names file and line.
    """
    if request.rules.classes is None:
        return None
    found = _read_categories(root)
    ids = _category_ids(found)
    by_sequence: dict[str, dict[int, int]] = {}
    faults: dict[str, str] = {}
    for sequence, classes in _classes_by_sequence(request, root).items():
        fault = _fault(classes, found)
        if fault is None:
            values = {ids[name]: class_name or NO_CLASS for name, class_name in classes.items()}
            by_sequence[sequence] = request.rules.value_table(BASE_VALUES | values)
        else:
            faults[sequence] = fault
    return ValueTables(by_sequence=by_sequence, faults=faults)


def semantic_settings(request: Request, root: Path) -> dict[str, str]:
    """Return what an index records of the tables that gave the classes."""
    settings = {"annotations": "semantics"} | table_settings(request)
    if request.rules.classes is None:
        return settings
    objects = None if request.options.class_map else _read_semantics(root).path
    if objects is not None:
        settings |= {"class_map": objects.name, "class_map_sha256": _sha256(objects)}
    categories = _read_categories(root).path
    return settings | {
        "categories": categories.name if categories else "manifest",
        "categories_sha256": _sha256(categories or manifest_path("davis", "categories")),
    }


def semantic_notes(root: Path) -> list[str]:
    """Return a note if the package numbers its categories in another way than the manifest."""
    found = _read_categories(root)
    manifest = {row.name: row.id for row in davis_categories()}
    other = [name for name, row in found.content.items() if manifest.get(name, row.id) != row.id]
    if not other:
        return []
    return [f"{CATEGORIES_JSON} has other ids than the manifest, and counts: {', '.join(other)}"]


def _classes_by_sequence(request: Request, root: Path) -> dict[str, dict[str, str | None]]:
    """Return the class of every category of every sequence; None for a category without one."""
    if request.options.class_map is not None:
        return _of_class_map(request)
    class_of = {row.name: row.class_name for row in davis_categories()}
    semantics = _read_semantics(root)
    if semantics.path is None:
        pairs: Iterable[tuple[str, str]] = ((row.sequence, row.category) for row in davis_objects())
    else:
        pairs = (
            (sequence, name)
            for sequence, objects in semantics.content.items()
            for name in objects.values()
        )
    classes: dict[str, dict[str, str | None]] = {}
    for sequence, name in pairs:
        classes.setdefault(sequence, {})[name] = class_of.get(name)
    return classes


def _of_class_map(request: Request) -> dict[str, dict[str, str | None]]:
    classes: dict[str, dict[str, str | None]] = {}
    for row in chosen_objects(request):
        known = classes.setdefault(row.sequence, {})
        if known.setdefault(row.category, row.class_name) != row.class_name:
            raise ManifestError(
                f"{request.options.class_map}: category {row.category!r} of {row.sequence!r} has "
                f"the classes {known[row.category]!r} and {row.class_name!r}, but with "
                "--annotations semantics a mask tells categories, not objects; give it one class"
            )
    return classes


def _fault(classes: Mapping[str, str | None], found: _Found) -> str | None:
    """Return why a sequence of categories with their classes has no table, None if it has one."""
    ids, manifest = _category_ids(found), "the manifest's table of categories"
    for name, class_name in classes.items():
        if name not in ids:
            table = manifest if found.path is None else CATEGORIES_JSON
            return f"has the category {name!r}, of which {table} has no id"
        if class_name is None:
            return f"has the category {name!r}, of which {manifest} has no class"
    return None


def _category_ids(found: _Found) -> dict[str, int]:
    if found.path is None:
        return {row.name: row.id for row in davis_categories()}
    ids = {name: row.id for name, row in found.content.items()}
    if len(set(ids.values())) < len(ids):
        raise DatasetError(f"{found.path}: two categories have the same id")
    return ids


def _read_categories(root: Path) -> _Found:
    return _read(root, CATEGORIES_JSON, _CATEGORIES)


def _read_semantics(root: Path) -> _Found:
    return _read(root, SEMANTICS_JSON, _SEMANTICS)


def _read(root: Path, name: str, kind: TypeAdapter[Any]) -> _Found:
    path = next((root / at / name for at in _FOLDERS if (root / at / name).is_file()), None)
    if path is None:
        return _Found()
    try:
        if path.stat().st_size > _MOST_JSON_BYTES:
            raise DatasetError(f"{path}: more than {_MOST_JSON_BYTES} bytes; take DAVIS's own file")
        return _Found(path=path, content=kind.validate_json(path.read_bytes()))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DatasetError(
            f"{path}: not DAVIS's {name}: {where}: {first['msg']}; take DAVIS's own file, or "
            "remove it to use the manifest's table"
        ) from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
