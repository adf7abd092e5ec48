"""How a network computes faster with the same weights, names and, up to rounding, numbers."""

import torch

from vsda.models.network import SegmentationNetwork

_MOST_GRAPHS = 64
"""Of all compiled parts of all networks together, which PyTorch counts as one function's: each has
one for training and one for prediction, and another for each depth and each size of pictures. With
more than PyTorch's 8, parts would go on uncompiled."""


def prepare_for_speed(
    network: SegmentationNetwork,
    *,
    channels_last: bool = False,
    compile: bool = False,
    backend: str = "inductor",
) -> None:
    """Change in place how `network` computes; on its device, before it is wrapped or trained.

    Args:
        network: Keeps its parameters, their names and those of its state. Copies of it are not
            compiled.
        channels_last: Lay the weights of 2D convolutions out channels last; maps follow them.
        compile: Let torch.compile translate its parts when they are first called.
        backend: Of torch.compile.
    """
    if channels_last:
        for parameter in network.parameters():
            if parameter.ndim == 4:  # of a 2D convolution; `to` of a module stumbles over others
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    if compile:
        # Now and then a step takes two gradients of one forward pass, see `gradient_ratio`.
        torch._functorch.config.donated_buffer = False
        config = torch._dynamo.config
        config.cache_size_limit = max(config.cache_size_limit, _MOST_GRAPHS)
        for part in network.parts_to_compile():
            # To PyTorch all parts are one function that is called with ever other sizes: left to
            # itself it would translate for any size, which is slower.
            part.compile(backend=backend, dynamic=False)
