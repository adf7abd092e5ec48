"""A small recipe and its batches."""

import torch

from vsda.recipes.train import TrainRecipe
from vsda.stream.domains import Batch

SMALL = {
    "classes": "person,dog",
    "size_px": 32,
    "batch_images": 4,
    "batch_videos": 3,
    "steps": 20,
    "workers": 0,
    "log_every": 1,
    "checkpoint_every": 4,
    "network": {
        "embed_dim": 16,
        "depths": (1, 1),
        "num_heads": (2, 4),
        "window_size": 4,
        "decoder_channels": 16,
        "drop_path_rate": 0.2,
    },
}
CLUSTERED = {"loss": "clustered", "pairs": 64, "hidden": (16,)}
DOMAIN = {"loss": "domain", "hidden": (16,)}


def small_recipe(**settings):
    """Return the small recipe with `settings` laid over it."""
    return TrainRecipe.model_validate(SMALL | settings)


def random_batch(seed=0, size_px=32, num_classes=3):
    """Return a batch of noise with random labels."""
    generator = torch.Generator().manual_seed(seed)

    def noise(count):
        shape = (count, 3, size_px, size_px)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    masks = torch.randint(0, num_classes, (4, size_px, size_px), generator=generator)
    masks[:, 0] = 255
    return Batch(noise(4), masks, noise(3))
