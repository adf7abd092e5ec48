"""Batches of made-up pictures: what a training step sees, without any data set."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vsda.recipes.train import TrainRecipe
from vsda.stream.domains import Batch, Part
from vsda.synth.clip import Clip, make_image, make_video
from vsda.synth.scene import Kind, SceneId
from vsda.synth.styles import style_named

_STYLE = "dim"


def made_up_batch(recipe: TrainRecipe, num_classes: int, number: int = 0) -> Batch:
    """Return labelled images and unlabelled frames (clips, for a network of clips) of `vsda.synth`.

    The scenes, the light and the noise are those of the demo; the classes of the masks are not, as
    no time depends on them.

    Args:
        recipe: Size, batch sizes, clip length.
        num_classes: K, background included; the masks stay below it.
        number: Of the batch; another one shows other scenes.
    """
    size_px = recipe.size_px + recipe.size_px % 2  # H.264 halves the resolution of colour
    style, num_frames = style_named(_STYLE), recipe.clip_frames or 1
    images = [
        make_image(SceneId(recipe.seed, Kind.TRAIN_IMAGE, index), size_px)
        for index in _scenes(number, recipe.batch_images)
    ]
    videos = [
        make_video(SceneId(recipe.seed, Kind.TRAIN_VIDEO, index), style, num_frames, size_px)
        for index in _scenes(number, recipe.batch_videos)
    ]
    masks = np.stack([clip.objects for clip in images]).clip(max=num_classes - 1)
    kept = slice(recipe.size_px)
    return Batch(
        images=Part(
            _of_network(_pictures(images), recipe)[..., kept, kept],
            _of_network(torch.from_numpy(masks), recipe)[..., kept, kept],
        ),
        videos=Part(_of_network(_pictures(videos), recipe)[..., kept, kept]),
    )


def _scenes(number: int, size: int) -> range:
    return range(number * size, (number + 1) * size)


def _pictures(clips: Sequence[Clip]) -> Tensor:
    """Return (N, T, 3, H, W)."""
    return torch.from_numpy(np.stack([clip.frames for clip in clips])).movedim(-1, 2)


def _of_network(clips: Tensor, recipe: TrainRecipe) -> Tensor:
    """Return clips (N, T, ...) as the network takes them: with T, or as single pictures."""
    return clips if recipe.clip_frames else clips.flatten(0, 1)
