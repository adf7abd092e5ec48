"""How the batches of a recipe, which are over all devices, are shared out among them."""

from vsda.errors import RecipeError
from vsda.recipes.train import TrainRecipe

LEAST_DECODED = 2
"""Decoded samples of a piece: the decoder normalises over them, down to maps of one pixel."""


def share_of(recipe: TrainRecipe, name: str, world_size: int) -> int:
    """Return how many samples of a stream, by its field of `Batch`, each device gets per step.

    Raises:
        RecipeError: The batch is no multiple of devices and pieces, or leaves too little for each.
    """
    batch_size: int = getattr(recipe, f"batch_{name}")
    pieces = world_size * recipe.accumulate
    least = LEAST_DECODED if _is_decoded(recipe, name) else 1
    if batch_size % pieces or batch_size < least * pieces:
        raise RecipeError(
            f"batch_{name}: {batch_size} samples over all devices cannot be shared by {world_size} "
            f"devices with {recipe.accumulate} pieces each (accumulate); expected a multiple of "
            f"{pieces} from {least * pieces} on, such as {_nearest(batch_size, pieces, least)}"
        )
    return batch_size // world_size


def _is_decoded(recipe: TrainRecipe, name: str) -> bool:
    if name == "videos":
        return recipe.renews_statistics
    return name == "labelled_videos" or recipe.image_labels


def _nearest(batch_size: int, pieces: int, least: int) -> str:
    """Return the batch sizes round `batch_size` that would do."""
    below = max(batch_size // pieces, least) * pieces
    above = max(-(-batch_size // pieces), least) * pieces
    return str(above) if below == above else f"{below} or {above}"
