"""Whether onnxruntime computes from a file what torch computes from the network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vsda.evaluation.trained import TrainedNetwork
from vsda.export.facts import ExportError
from vsda.export.graph import INPUT, OUTPUT, Deployed, picture_shape, takes_any_size
from vsda.stream.transforms import normalise

LARGEST_DIFFERENCE = 1e-4
"""Of logits, as a share of the largest one; rounding makes about 1e-6."""
_BATCHES = (1, 2)
_TINY = 1e-30


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How the logits of the two agree on one batch.

    Attributes:
        pictures: What the batch holds: `noise` or `shapes`.
        batch: Its length.
        height_px: Of its pictures.
        width_px: Of its pictures.
        difference: The largest one, as a share of the largest logit.
        agreement: Share of pixels whose best class is the same.
    """

    pictures: str
    batch: int
    height_px: int
    width_px: int
    difference: float
    agreement: float


def check_parity(
    trained: TrainedNetwork, path: Path, *, preprocessing: bool, named: Path | None = None
) -> tuple[Parity, ...]:
    """Return how the ONNX file at `path` agrees with the network on several batches.

    Args:
        trained: The network.
        path: Where the file lies.
        preprocessing: As it was exported with.
        named: What to call it in an error.

    Raises:
        ExportError: The logits differ by more than `LARGEST_DIFFERENCE`.
    """
    import onnxruntime  # noqa: PLC0415  only the extra [export] has it

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    deployed = Deployed(trained, preprocessing=preprocessing).eval()
    found = tuple(_compared(trained, deployed, session))
    worst = max(found, key=lambda one: one.difference)
    if not worst.difference <= LARGEST_DIFFERENCE:  # nan is refused, too
        raise ExportError(
            f"{named or path}: onnxruntime's logits differ from torch's by {worst.difference:.2g} "
            f"of their scale ({worst.pictures}, batch of {worst.batch}), expected "
            f"{LARGEST_DIFFERENCE:g} at most; the file is not kept; try another version of "
            "onnxruntime, or export .safetensors"
        )
    return found


def _compared(trained: TrainedNetwork, deployed: Deployed, session: Any) -> Iterator[Parity]:
    generator = torch.Generator().manual_seed(0)
    for height_px, width_px in _sizes(trained):
        for batch in _BATCHES:
            shape = picture_shape(trained, batch, height_px, width_px)
            for name, draw in _PICTURES.items():
                pictures = draw(shape, generator)
                given = pictures if deployed.preprocessing else normalise(pictures)
                with torch.inference_mode():
                    expected = deployed(given).numpy()
                (logits,) = session.run([OUTPUT], {INPUT: given.numpy()})
                yield Parity(
                    pictures=name,
                    batch=batch,
                    height_px=height_px,
                    width_px=width_px,
                    difference=_difference(expected, logits),
                    agreement=float((expected.argmax(-3) == logits.argmax(-3)).mean()),
                )


def _sizes(trained: TrainedNetwork) -> list[tuple[int, int]]:
    """Return the recipe's square, and a size that is no multiple of anything where any will do."""
    side_px = trained.recipe.size_px
    square = (side_px, side_px)
    return [square, (side_px + 5, side_px + 13)] if takes_any_size(trained) else [square]


def _difference(expected: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    scale = float(np.abs(expected).max())
    return float(np.abs(logits - expected).max()) / max(scale, _TINY)


def _noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def _shapes(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return soft shapes of all sizes, as strong as they are large: the spectrum of photographs."""
    *leading, height_px, width_px = shape
    total = torch.zeros(1, 1, height_px, width_px)
    cells = 2
    while cells <= min(height_px, width_px):
        coarse = torch.randn((int(np.prod(leading)), 1, cells, cells), generator=generator)
        fine = functional.interpolate(coarse, (height_px, width_px), mode="bilinear")
        total = total + fine / cells
        cells *= 2
    return (128 + 60 * total).clamp(0, 255).to(torch.uint8).reshape(shape)


_PICTURES: dict[str, Callable[[tuple[int, ...], torch.Generator], Tensor]] = {
    "noise": _noise,
    "shapes": _shapes,
}
