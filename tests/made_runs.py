"""Run folders made by code: checkpoints of small networks with weights that were never trained."""

import torch

from tests.training.small import NETWORKS, small_recipe
from vsda.training.build import build_network
from vsda.training.checkpoint import Checkpoint, save_checkpoint


def make_run(run_dir, network="swin_upernet", *, step=7, averaged=False, score=None, **settings):
    """Save a checkpoint of a small network for person and dog, and return its path.

    Biases and the statistics of batch norms are drawn, too: with the initial ones, much that goes
    wrong would not show. With `averaged` there are other weights besides, as those of an average.
    """
    recipe = small_recipe(network=NETWORKS[network], **settings)
    return save_checkpoint(
        run_dir,
        Checkpoint(
            step=step,
            network=_drawn_state(recipe, step),
            ema=_drawn_state(recipe, step + 1000) if averaged else {},
            adversarial={},
            optimizers=[],
            scaler={},
            recipe=recipe.model_dump(mode="json"),
            inputs={},
            meter={},
            counted={},
        ),
        keep=9,
        score=score,
    )


def _drawn_state(recipe, seed):
    state = build_network(recipe, 3).state_dict()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in state.items():
        if name.endswith(("bias", "running_mean")):
            tensor.normal_(std=0.2, generator=generator)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif "conv_seg.weight" in name or name == "decoder.4.weight":
            tensor.normal_(std=0.5, generator=generator)
    return state
