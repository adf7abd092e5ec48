"""How much the unlabelled frames' loss counts at a step; without torch."""

from vsda.recipes.train import TrainRecipe


def unlabelled_weight(recipe: TrainRecipe, step: int) -> float:
    """Return the weight at `step`: 0 before `start_step`, then rising over `ramp_steps`."""
    settings = recipe.unlabelled
    done = step - settings.start_step
    if settings.loss == "none" or done < 0:
        return 0.0
    return settings.weight * min(1.0, (done + 1) / max(settings.ramp_steps, 1))
