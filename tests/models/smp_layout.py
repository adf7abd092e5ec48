"""segmentation_models_pytorch's UPerNet with a Swin of timm, random."""

import torch


def random_smp(*, num_classes, decoder_channels, img_size, **swin):
    """Return the network in evaluation mode; `swin` are timm's own settings."""
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    network = smp.UPerNet(
        "tu-swin_tiny_patch4_window7_224",
        encoder_weights=None,
        classes=num_classes,
        decoder_channels=decoder_channels,
        img_size=img_size,
        **swin,
    ).eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif name.endswith("bias_table"):
            tensor.normal_(std=0.3)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.add_(torch.randn_like(tensor), alpha=0.2)
    return network


def as_the_authors_compute(network):
    """Change what smp's network does otherwise: corners when enlarging, and a norm's epsilon."""
    for norm in network.decoder.feature_norms:
        norm.eps = 1e-5
    enlarge = network.segmentation_head[1]
    assert enlarge.align_corners is True
    enlarge.align_corners = False
    return network
