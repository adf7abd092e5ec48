"""The shape of pipelines/data/*.toml: the named defaults of `vsda prepare`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from vsda.recipes.load import Settings


class DataRecipe(Settings):
    """How one dataset becomes shards.

    What the command line says comes first, then this; what is None here has the default of
    `vsda.prepare.options.PrepareOptions`.
    """

    dataset: Literal["davis", "coco"]
    description: str = ""
    remap: Literal["coco", "none"] | None = None
    classes: str | None = None
    outside: Literal["background", "ignore"] | None = None
    split: Literal["all", "train", "val"] | None = None
    shard_mb: Annotated[int, Field(gt=0)] | None = None
    resolution: Literal["480p", "Full-Resolution"] | None = None
    """DAVIS only."""
    labels: Literal["stuffthingmaps"] | None = None
    """COCO only."""

    def options(self) -> dict[str, Any]:
        """Return what the recipe states, by the names of the options."""
        return self.model_dump(exclude={"dataset", "description"}, exclude_none=True)
