"""Weights of a network of pictures as those of a network of clips: 2D -> 3D inflation.

`VideoSwinUperNet` has the names of `SwinUperNet`; what changes is the shape of two kinds of tensor:

    encoder.features.0.0.weight             (C, 3, p, p) -> (C, 3, D, p, p): each of the D frames of
                                            a patch with a D-th of the weight; D is 1 as built
    *.attn.relative_position_bias_table     the rows of one frame, repeated as a whole for each of
                                            the 2 * window_frames - 1 distances in time: 169 ->
                                            1,183 rows for windows of 4 x 7 x 7
    *.attn.relative_position_index,         left out: they follow from the window
    *.attn_mask
    everything else                         as it is, `norm0`, `norm1`... and both heads included

A clip of one picture over and over then has the picture's features in every frame: attention finds
each key once per frame with one and the same bias, and averages the same value.

Reference: `inflate_weights` of the authors of "Video Swin Transformer", CVPR 2022 (mmaction/models/
backbones/swin_transformer.py). There the norms after the stages get lost, as their network of clips
has none.
"""

import math
from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from vsda.models.video_swin_upernet import VideoSwinUperNet

_FOLLOW_FROM_THE_WINDOW = ("relative_position_index", "attn_mask")


def inflate_state(state_2d: Mapping[str, Tensor], network: VideoSwinUperNet) -> dict[str, Tensor]:
    """Return the state of a `SwinUperNet` as one for `network`, but for its index buffers.

    A position table of windows of another side is resized. A tensor that is unknown to `network`
    or does not fit it otherwise, such as a classifier of other classes, comes back as it is.
    """
    wanted = network.state_dict()
    return {
        name: _inflate(name, tensor, wanted.get(name), network)
        for name, tensor in state_2d.items()
        if not name.endswith(_FOLLOW_FROM_THE_WINDOW)
    }


def inflate_patches(weight: Tensor, patch_frames: int) -> Tensor:
    """Return the convolution (C, 3, p, p) of a frame as (C, 3, D, p, p), D = `patch_frames`.

    What it gives for D times the same frame is what `weight` gives for one.
    """
    return weight.unsqueeze(2).repeat(1, 1, patch_frames, 1, 1) / patch_frames


def inflate_bias_table(table: Tensor, window: tuple[int, int, int]) -> Tensor:
    """Return the position table of a square window as that of `window`, (frames, height, width).

    Args:
        table: (rows, heads), one row for each distance of two tokens, in rows of the window and
            then in columns.
        window: Other sides than those of `table` have it resized, bicubically as the authors do.
    """
    frames, *sides = (2 * side - 1 for side in window)
    side = math.isqrt(len(table))
    if [side, side] != sides:
        maps = table.T.reshape(1, -1, side, side)
        resized = functional.interpolate(maps, size=sides, mode="bicubic", align_corners=False)
        table = resized.squeeze(0).flatten(1).T
    return table.repeat(frames, 1)


def _inflate(name: str, tensor: Tensor, want: Tensor | None, network: VideoSwinUperNet) -> Tensor:
    if want is None:
        return tensor
    if name.endswith("relative_position_bias_table") and _is_of_one_frame(tensor):
        return inflate_bias_table(tensor, network.window)
    if tensor.ndim == 4 and want.ndim == 5:
        return inflate_patches(tensor, want.shape[2])
    return tensor


def _is_of_one_frame(table: Tensor) -> bool:
    """Return whether the position table has the (2 * side - 1)^2 rows of a square window."""
    num_rows = len(table)
    return num_rows % 2 == 1 and math.isqrt(num_rows) ** 2 == num_rows
