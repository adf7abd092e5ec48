"""The layouts that weights come in, and which one a file has."""

from collections.abc import Collection

from vsda.models.weights import (
    authors,
    mmseg,
    ours,
    smp,
    swin_classifier,
    timm_encoder,
    torchvision_deeplab,
    transformers_hub,
)
from vsda.models.weights.files import OUR_WRAPPER
from vsda.models.weights.layout import Layout

LAYOUTS: tuple[Layout, ...] = (
    ours.LAYOUT,
    authors.LAYOUT,
    mmseg.LAYOUT,
    transformers_hub.LAYOUT,
    smp.LAYOUT,
    torchvision_deeplab.LAYOUT,
    swin_classifier.TORCHVISIONS,
    swin_classifier.AUTHORS_OR_TIMMS,
    timm_encoder.RESNET,
    timm_encoder.ANY,
)
"""The first that recognises a file's names has it; the last one takes them all."""


def layout_of(wrapper: str | None, names: Collection[str]) -> Layout:
    """Return the layout of a file whose tensors have these names, below `wrapper`."""
    if wrapper == OUR_WRAPPER:
        return ours.LAYOUT
    return next(layout for layout in LAYOUTS if layout.recognises(names))
