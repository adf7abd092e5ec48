"""The shape of pipelines/data/*.toml: the named defaults of `vsda prepare`."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from vsda.errors import RecipeError, suggest
from vsda.recipes.load import Settings


class DataRecipe(Settings):
    """How one dataset becomes shards.

    What the command line says comes first, then this; what is None here has the default of
    `vsda.prepare.options.PrepareOptions`.
    """

    dataset: str
    description: str = ""
    remap: Literal["coco", "none"] | None = None
    classes: str | None = None
    outside: Literal["background", "ignore"] | None = None
    split: str | None = None
    shard_mb: Annotated[int, Field(gt=0)] | None = None
    own: Mapping[str, str | int | float | bool] = {}
    """What only this dataset can be asked, by the names of its options."""

    def options(self) -> dict[str, Any]:
        """Return what the recipe states, by the names of the options."""
        return self.model_dump(exclude={"dataset", "description", "own"}, exclude_none=True)


def own_options(recipe: DataRecipe, kind: type[Any], stated: Mapping[str, Any]) -> Any:
    """Return a dataset's own options: those `stated`, then the recipe's, then the defaults.

    Args:
        recipe: Of the dataset.
        kind: The dataclass of its options.
        stated: Options by name; what `kind` does not have is passed over.

    Raises:
        RecipeError: The recipe has an option that the dataset lacks, or of another type.
    """
    names = [field.name for field in fields(kind)]
    for name in recipe.own:
        if name not in names:
            raise RecipeError(
                f"recipe of {recipe.dataset}: own.{name}: unknown key.{suggest(name, names)}"
            )
    given = {name: stated[name] for name in names if name in stated}
    try:
        TypeAdapter(kind).validate_python(dict(recipe.own))
    except ValidationError as error:
        first = error.errors()[0]
        raise RecipeError(
            f"recipe of {recipe.dataset}: own.{first['loc'][0]}: got {first['input']!r}; "
            f"{first['msg']}"
        ) from None
    return kind(**dict(recipe.own) | given)
