"""The shape of pipelines/worlds/*.toml: where the sets of a table come from."""

from collections.abc import Mapping
from typing import Any

from vsda.recipes.load import Settings
from vsda.recipes.tables import Name


class WorldRecipe(Settings):
    """Sets by the names that recipes call them, and what else must change for them."""

    description: str = ""
    parts: Mapping[Name, Mapping[str, Any]] = {}
    """Made-up worlds by name, each with what differs from the defaults of `vsda synth`, by the
    names of `vsda.synth.options.WorldOptions`. Each gives the sets coco-train, coco-val,
    davis-train and davis-val. Only those that a table reads are made."""
    sets: Mapping[str, str] = {}
    """`<part>/<set>` by what recipes call it. A set that is not here lies under
    $VSDA_DATA/shards."""
    small: bool = False
    """Lay pipelines/small/<network>.toml over each recipe."""
    set: Mapping[str, Any] = {}
    """Settings laid over all recipes, below those of the table."""
    pretrain: Mapping[str, Any] = {}
    """Where there are no published weights: settings laid over the table's source row for a first
    stage, one for each seed, which all rows start from that name no other start."""
