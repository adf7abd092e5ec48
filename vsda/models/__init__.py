"""The segmentation networks by name."""

from vsda.errors import UnknownNameError
from vsda.models.deeplabv3 import DeepLabv3
from vsda.models.network import SegmentationNetwork
from vsda.models.swin_upernet import SwinUperNet
from vsda.models.timm_upernet import TimmUperNet
from vsda.models.video_swin_upernet import VideoSwinUperNet

MODELS: dict[str, type[SegmentationNetwork]] = {
    "deeplabv3": DeepLabv3,
    "swin_upernet": SwinUperNet,
    "timm_upernet": TimmUperNet,
    "video_swin_upernet": VideoSwinUperNet,
}


def get_model(name: str) -> type[SegmentationNetwork]:
    """Return the class of the network called `name`.

    Raises:
        UnknownNameError: No network has that name.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    return MODELS[name]
