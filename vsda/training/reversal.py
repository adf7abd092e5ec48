"""How strongly the adversarial gradient acts at a step; without torch, as logs are judged by it."""

from vsda.recipes.train import TrainRecipe


def reversal_strength(recipe: TrainRecipe, step: int) -> float:
    """Return the gradient reversal's strength at `step`: 0 before `start_step`, then mu.

    With mu on the loss the reversal itself has strength 1.
    """
    settings = recipe.adversarial
    if step < settings.start_step:
        return 0.0
    return settings.mu if settings.mu_on == "reversal" else 1.0
