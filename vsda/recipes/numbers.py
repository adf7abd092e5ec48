"""The numbers of recipes: types with the bounds that a slip of the hand crosses."""

from typing import Annotated

from pydantic import Field

# Upper bounds are far above what anyone trains: they catch a slip of the hand before it fills the
# memory, or no number of the machine can hold it.
Positive = Annotated[int, Field(gt=0, le=1_000_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Width = Annotated[int, Field(gt=0, le=16_384)]
Small = Annotated[int, Field(gt=0, le=1_024)]
BatchSize = Annotated[int, Field(gt=0, le=65_536)]
LabelledBatchSize = Annotated[int, Field(ge=2, le=65_536)]
Level = Annotated[int, Field(ge=0, le=64)]
Depths = Annotated[tuple[Small, ...], Field(min_length=1, max_length=8)]
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
