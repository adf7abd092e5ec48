"""transformers' UperNet with random weights, and its files as the hub has them."""

import torch
from safetensors.torch import load_file


def random_upernet(*, num_classes, embed_dim, depths, num_heads, window_size, decoder_channels):
    """Return transformers' UperNet with an auxiliary head, every weight and statistic random."""
    from transformers import SwinConfig, UperNetConfig, UperNetForSemanticSegmentation

    torch.manual_seed(0)
    swin = SwinConfig(
        embed_dim=embed_dim,
        depths=list(depths),
        num_heads=list(num_heads),
        window_size=window_size,
        out_features=[f"stage{number}" for number in range(1, len(depths) + 1)],
    )
    config = UperNetConfig(
        backbone_config=swin,
        num_labels=num_classes,
        hidden_size=decoder_channels,
        auxiliary_in_channels=embed_dim * 2 ** (len(depths) - 2),
    )
    network = UperNetForSemanticSegmentation(config).eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif name.endswith("bias_table"):
            tensor.normal_(std=0.3)
        elif "classifier" in name:
            tensor.normal_(std=0.1)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.add_(torch.randn_like(tensor), alpha=0.2)
        elif "proj" in name or "fc" in name:
            tensor.normal_(std=tensor[0].numel() ** -0.5)  # so that queries and keys matter
    return network


def saved_state(network, folder):
    """Return what `save_pretrained` of transformers 5 writes: names of the hub."""
    network.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def hub_state(network, folder, window_size):
    """Return the network as the hub has it from transformers 4: index buffers, no last norm."""
    saved = saved_state(network, folder)
    index = torch.zeros(window_size**2, window_size**2, dtype=torch.int64)
    indices = {
        name.replace("bias_table", "index"): index.clone()
        for name in saved
        if name.endswith("relative_position_bias_table")
    }
    return {name: saved[name] for name in saved if ".swin.layernorm." not in name} | indices
