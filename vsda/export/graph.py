"""A network as an ONNX graph: float32, a batch of any length, nothing but standard operators."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vsda.evaluation.trained import TrainedNetwork
from vsda.export.facts import ExportError, facts_of
from vsda.models.deeplabv3 import DeepLabv3
from vsda.stream.transforms import IMAGE_MEAN, IMAGE_STD, normalise

if TYPE_CHECKING:
    import onnx

OPSET = 20
"""Version of ONNX's operators: the first with GELU as one of them."""
INPUT, OUTPUT = "pictures", "logits"
_ANY_SIZE = (DeepLabv3,)
"""Networks of convolutions alone. Those with windows or with pooling into a fixed number of cells
are laid out for one size: how they fill up and cut depends on it."""
_LEAST_PX = 16
_MOST_BYTES = 2_000_000_000
"""A file of ONNX in one piece stays below 2 GiB."""
_REFUSALS = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""What torch's exporter raises for a network that it cannot lay out."""
_LONGEST = 200


class Deployed(nn.Module):
    """The network as it is exported: pictures in, logits out, and nothing of training.

    Args:
        trained: In evaluation mode.
        preprocessing: Whether it takes pictures as they are decoded and normalises them itself.
    """

    def __init__(self, trained: TrainedNetwork, *, preprocessing: bool) -> None:
        super().__init__()
        self.network = trained.network
        self.preprocessing = preprocessing

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits (N, [T,] K, H, W) of `pictures` (N, [T,] 3, H, W).

        They are uint8 RGB with preprocessing, normalised float32 without.
        """
        logits: Tensor = self.network(normalise(pictures) if self.preprocessing else pictures)
        return logits


def takes_any_size(trained: TrainedNetwork) -> bool:
    """Tell whether the exported network takes pictures of any height and width."""
    return isinstance(trained.network, _ANY_SIZE)


def picture_shape(trained: TrainedNetwork, batch: int, height: int, width: int) -> tuple[int, ...]:
    """Return the shape of a batch of pictures, or of clips for a network of clips."""
    frames = trained.network.clip_frames
    return (batch, *(() if frames is None else (frames,)), 3, height, width)


@torch.no_grad()
def onnx_model(trained: TrainedNetwork, *, preprocessing: bool) -> "onnx.ModelProto":
    """Return the network as a model whose input is `pictures` and whose output is `logits`.

    Raises:
        ExportError: torch cannot lay the network out, or it is too large for one file.
    """
    _refuse_large(trained)
    deployed = Deployed(trained, preprocessing=preprocessing).cpu().eval()
    # Height and width differ in the example, so that they are not taken for one and the same.
    side_px = trained.recipe.size_px
    width_px = side_px + 8 if takes_any_size(trained) else side_px
    example = torch.zeros(picture_shape(trained, 2, side_px, width_px))
    example = example.to(torch.uint8) if preprocessing else example
    shapes = ({axis: _dimension(name) for axis, name in _open_axes(trained).items()},)
    try:
        with _quiet():
            program = torch.export.export(deployed, (example,), dynamic_shapes=shapes, strict=False)
            exported = torch.onnx.export(
                program,
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
    except _REFUSALS as error:
        message = " ".join(str(error).split())[:_LONGEST]
        raise ExportError(
            f"{trained.recipe.network.name}: torch cannot write this network as ONNX "
            f"({type(error).__name__}: {message}); export it as .safetensors"
        ) from error
    if exported is None:
        raise TypeError("torch.onnx.export returned nothing")
    return _described(exported.model_proto, trained, preprocessing=preprocessing)


def _open_axes(trained: TrainedNetwork) -> dict[int, str]:
    """Return the axes of the pictures that have any length, with their names."""
    last = len(picture_shape(trained, 1, 1, 1)) - 1
    sides = {last - 1: "height", last: "width"} if takes_any_size(trained) else {}
    return {0: "batch"} | sides


def _dimension(name: str) -> Any:
    return torch.export.Dim(name, min=1 if name == "batch" else _LEAST_PX)


def _described(
    model: "onnx.ModelProto", trained: TrainedNetwork, *, preprocessing: bool
) -> "onnx.ModelProto":
    """Return `model` with our facts about it, and without torch's about places in code."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
    for part in (*model.graph.input, *model.graph.output):
        del part.metadata_props[:]
    facts = facts_of(trained) | {
        "pictures": "uint8 RGB" if preprocessing else "float32 RGB, normalised",
        "mean": str(list(IMAGE_MEAN)),
        "std": str(list(IMAGE_STD)),
        "size_px": str(trained.recipe.size_px),
    }
    del model.metadata_props[:]
    for key, value in sorted(facts.items()):
        model.metadata_props.add(key=key, value=value)
    return model


def _refuse_large(trained: TrainedNetwork) -> None:
    size = sum(tensor.nbytes for tensor in trained.network.state_dict().values())
    if size > _MOST_BYTES:
        raise ExportError(
            f"{trained.recipe.network.name}: has {size:,} bytes of weights, and an ONNX file holds "
            f"{_MOST_BYTES:,} at most; export it as .safetensors"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's exporters from telling how they proceed."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    before = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.ERROR)
        yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)
