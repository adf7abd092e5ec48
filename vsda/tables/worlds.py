"""Where the sets of a table come from: the datasets, or worlds that are made up when needed."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vsda.datasets.davis.layout import DavisOptions
from vsda.errors import RecipeError, suggest
from vsda.prepare import PrepareOptions, prepare
from vsda.recipes.worlds import WorldRecipe
from vsda.shards.names import INDEX_SUFFIX
from vsda.storage import exclusive
from vsda.synth.options import WorldOptions
from vsda.synth.styles import style_named
from vsda.synth.world import WORLD_FILE, write_world

PART_SETS = ("coco-train", "coco-val", "davis-train", "davis-val")
"""What each made-up part gives."""

_PATIENCE_S = 3600.0
"""Another process may be making the same part."""

_OPTIONS = TypeAdapter(WorldOptions)


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A world of a table.

    Attributes:
        name: Of its recipe.
        recipe: What it says.
        parts: The made-up parts by name.
        data: The folder $VSDA_DATA.
    """

    name: str
    recipe: WorldRecipe
    parts: Mapping[str, WorldOptions]
    data: Path

    def place(self, set_name: str) -> str:
        """Return where a set lies: made up, at a place of its own, or under $VSDA_DATA/shards."""
        if set_name in self.recipe.sets:
            part, _, inside = self.recipe.sets[set_name].partition("/")
            return str(self.folder(part) / "shards" / inside)
        is_here = Path(set_name).exists() or Path(f"{set_name}{INDEX_SUFFIX}").exists()
        if is_here or "://" in set_name:
            return set_name
        return str(self.data / "shards" / set_name)

    def identity(self, set_name: str) -> str:
        """Return what a set is: its name and, of a made-up one, what it is made of."""
        if set_name not in self.recipe.sets:
            return set_name
        part, _, inside = self.recipe.sets[set_name].partition("/")
        return f"{_digest(self.parts[part])}/{inside}"

    def folder(self, part: str) -> Path:
        """Return where a made-up part lies; tables share those with the same options."""
        return self.data / "worlds" / f"{part}-{_digest(self.parts[part])[:12]}"

    def make(self, set_names: Iterable[str], num_workers: int) -> None:
        """Make the parts that these sets belong to, those that are not there yet.

        Raises:
            VsdaError: The disk takes no more, or another process took too long over the same part.
        """
        used = [self.recipe.sets[name] for name in set_names if name in self.recipe.sets]
        for part in dict.fromkeys(place.partition("/")[0] for place in used):
            _make_part(self.folder(part), self.parts[part], num_workers)


def open_world(name: str, recipe: WorldRecipe, data: Path) -> World:
    """Return a world whose parts and sets fit each other.

    Raises:
        RecipeError: A part has an option that `vsda synth` lacks, or a set is of no part.
        UsageError: An option has a value that `vsda synth` does not take.
        UnknownNameError: No such style.
    """
    parts = {
        part: _options(f"{name}.toml: parts.{part}", recipe.parts[part]) for part in recipe.parts
    }
    for set_name, place in recipe.sets.items():
        part, _, inside = place.partition("/")
        where = f"{name}.toml: sets.{set_name}"
        if part not in parts:
            raise RecipeError(f"{where}: unknown part {part!r}.{suggest(part, parts)}")
        if inside not in PART_SETS:
            raise RecipeError(f"{where}: unknown set {inside!r}.{suggest(inside, PART_SETS)}")
    return World(name=name, recipe=recipe, parts=parts, data=data)


def _options(where: str, stated: Mapping[str, Any]) -> WorldOptions:
    known = [field.name for field in fields(WorldOptions)]
    for key in stated:
        if key not in known:
            raise RecipeError(f"{where}.{key}: unknown key.{suggest(key, known)}")
    try:
        options = _OPTIONS.validate_json(json.dumps(dict(stated)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise RecipeError(f"{where}.{key}: got {first['input']!r}; {first['msg']}") from None
    style_named(options.style)
    return options


def _digest(options: WorldOptions) -> str:
    """Return what tells a part from another, the settings behind its style's name included."""
    settings = asdict(style_named(options.style).at(options.severity))
    content = asdict(options) | {"settings": settings}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _make_part(folder: Path, options: WorldOptions, num_workers: int) -> None:
    """Write a made-up world and its sets; each step is whole or absent, so a kill costs one."""
    with exclusive(folder.with_name(f".{folder.name}.lock"), wait_s=_PATIENCE_S):
        world, shards = folder / "world", folder / "shards"
        if all((shards / f"{name}{INDEX_SUFFIX}").is_file() for name in PART_SETS):
            return
        if not (world / WORLD_FILE).is_file():
            write_world(world, options, num_workers)
        objects = DavisOptions(class_map=world / "davis" / "objects.tsv")
        for dataset, own in (("coco", None), ("davis", objects)):
            prepare(
                dataset,
                PrepareOptions(root=world / dataset, out=shards, num_workers=num_workers, own=own),
            )
