"""Small recipes of every network, and their batches."""

import torch
from lightning_fabric import Fabric

from vsda.recipes.train import TrainRecipe
from vsda.stream.domains import Batch, Part
from vsda.training.build import build_network, build_objective
from vsda.training.class_weights import ClassWeights
from vsda.training.precision import MixedPrecision
from vsda.training.step import StepControl, Stepper

SWIN = {
    "embed_dim": 16,
    "depths": (1, 1),
    "num_heads": (2, 4),
    "window_size": 4,
    "decoder_channels": 16,
    "drop_path_rate": 0.2,
}
NETWORKS = {
    "swin_upernet": SWIN,
    "video_swin_upernet": SWIN | {"name": "video_swin_upernet"},
    "deeplabv3": {
        "name": "deeplabv3",
        "depths": (1, 1, 1, 1),
        "width_per_group": 8,
        "decoder_channels": 16,
    },
    "timm_upernet": {
        "name": "timm_upernet",
        "backbone": "test_convnext2",
        "decoder_channels": 16,
    },
}
NO_AUGMENTATION = {
    "flip": False,
    "resize": (1.0, 1.0),
    "brightness": 0.0,
    "contrast": 0.0,
    "saturation": 0.0,
    "hue": 0.0,
}
SMALL = {
    "classes": "person,dog",
    "size_px": 32,
    "batch_images": 4,
    "batch_videos": 3,
    "batch_labelled_videos": 2,
    "steps": 20,
    "workers": 0,
    "log_every": 1,
    "checkpoint_every": 4,
    "panels_every": 0,
    "network": SWIN,
    "augmentation": NO_AUGMENTATION,
}
CLUSTERED = {"loss": "clustered", "pairs": 64, "hidden": (16,)}
DOMAIN = {"loss": "domain", "hidden": (16,)}
FABRIC = Fabric(accelerator="cpu", devices=1)
WEIGHTS = ClassWeights(values=(0.5, 1.0, 2.0), source="none", sets=(), uses_target_labels=False)


def small_recipe(**settings):
    """Return the small recipe with `settings` laid over it."""
    return TrainRecipe.model_validate(SMALL | settings)


def small_objective(**settings):
    """Return the objective of the small recipe with `settings` laid over it, for three classes."""
    recipe = small_recipe(**settings)
    return build_objective(build_network(recipe, 3), recipe, WEIGHTS)


def take_step(objective, optimizations, batch, step=0, **control):
    """Do one update on one device, in 32 bits; return its losses and diagnostics."""
    control = {"strength": 1.0, "generator": torch.Generator().manual_seed(0)} | control
    stepper = Stepper(FABRIC, objective, optimizations, MixedPrecision("32", FABRIC.device))
    return stepper.step(batch, StepControl(step=step, **control)).numbers


def random_batch(seed=0, size_px=32, num_classes=3, *, clip_frames=None, labelled=False):
    """Return a batch of noise with random labels, as a network of single pictures takes it.

    With `clip_frames` images are clips of one frame and videos clips of so many; with `labelled`
    there are labelled videos, too.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(*leading):
        shape = (*leading, 3, size_px, size_px)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    def labels(*leading):
        shape = (*leading, size_px, size_px)
        masks = torch.randint(0, num_classes, shape, dtype=torch.uint8, generator=generator)
        masks[..., 0, :] = 255
        return masks

    still, clip = ((), ()) if clip_frames is None else ((1,), (clip_frames,))
    images = Part(noise(4, *still), labels(4, *still))
    videos = Part(noise(3, *clip))
    extra = Part(noise(2, *clip), labels(2, *clip)) if labelled else None
    return Batch(images=images, videos=videos, labelled_videos=extra)
