"""The shape of pipelines/data/*.toml: the named defaults of `vsda prepare`."""

from typing import Annotated, Literal

from pydantic import Field

from vsda.recipes.load import Settings


class DataRecipe(Settings):
    """How one dataset becomes shards; options of the command line come before these."""

    dataset: Literal["davis", "coco"]
    description: str = ""
    remap: Literal["coco", "none"] = "coco"
    classes: str = "shared"
    outside: Literal["background", "ignore"] = "background"
    """What objects outside the chosen classes become."""
    split: Literal["all", "train", "val"] = "all"
    shard_mb: Annotated[int, Field(gt=0)] = 256
    resolution: Literal["480p", "Full-Resolution"] = "480p"
    """DAVIS only."""
    labels: Literal["stuffthingmaps"] = "stuffthingmaps"
    """COCO only."""
