"""The segmentation networks by name."""

from vsda.errors import UnknownNameError
from vsda.models.network import SegmentationNetwork
from vsda.models.swin_upernet import SwinUperNet

MODELS: dict[str, type[SegmentationNetwork]] = {
    "swin_upernet": SwinUperNet,
}


def get_model(name: str) -> type[SegmentationNetwork]:
    """Return the class of the network called `name`.

    Raises:
        UnknownNameError: No network has that name.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    return MODELS[name]
