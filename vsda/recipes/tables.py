"""The shape of pipelines/tables/*.toml: rows times worlds times seeds, and what is claimed."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from vsda.recipes.load import Settings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class TableRow(Settings):
    """One row: a training recipe, repeated with every seed in every world."""

    name: Name
    """What claims and folders call it."""
    label: str = ""
    """What the table calls it; empty for its name."""
    group: str = ""
    """A heading over this row and the next ones of the same group."""
    recipe: str
    """A recipe of pipelines/train, or a path ending in .toml, from the table's file on."""
    set: Mapping[str, Any] = {}
    """Settings laid over the recipe, such as `set = { adversarial.mu = 0.5 }`."""
    start: str = ""
    """The row whose trained network this one starts from: that of the same world and seed, or the
    only one where that row has one world or one seed."""
    worlds: tuple[Name, ...] = ()
    """Some of the table's worlds; empty for all."""
    seeds: tuple[Seed, ...] = ()
    """Other seeds than the table's."""
    against: str = ""
    """The row that this one is compared with, in place of the table's `source`."""
    shown: bool = True
    """Whether the table shows it; a row that others only start from is trained and not judged."""
    published: Mapping[str, float] = {}
    """What somebody published for it, in points by set; stands beside."""


class TableClaim(Settings):
    """What is expected of the rows; it is judged by differences paired over the seeds."""

    says: str
    """`A > B`; `A ~ B`, they are alike; or `A closes 80 %` of the way from the source row to the
    ceiling row."""
    by_points: float | None = None
    """Of `>`: more than so many points better, which may be less than 0 (default 0). Of `~`: no
    more than so many apart (default 1)."""
    on: str = ""
    """The set; empty for the table's first."""
    origin: str = "ours"
    """Who says so."""


class TableRecipe(Settings):
    """A table."""

    title: str
    description: str = ""
    worlds: Annotated[tuple[Name, ...], Field(min_length=1)] = ("real",)
    """Names of pipelines/worlds: where the sets come from. With several, each is a column, and so
    is their mean."""
    sets: Annotated[tuple[str, ...], Field(min_length=1)]
    """The labelled sets that each run is judged on."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    small: bool = False
    """Lay pipelines/small/<network>.toml over each recipe, as `vsda train --small` does."""
    set: Mapping[str, Any] = {}
    """Settings laid over all recipes, below those of the rows."""
    rows: Annotated[tuple[TableRow, ...], Field(min_length=1)]
    source: str = ""
    """The row that others are compared with; it is compared with none."""
    ceiling: str = ""
    """The row that marks what could be reached: the share of the gap between `source` and it."""
    paper: str = ""
    """Which orderings of manifests/paper/orderings.tsv are among the claims."""
    claims: tuple[TableClaim, ...] = ()
