"""Another view of pictures: colours, sharpness and noise change, nothing moves.

What `vsda.stream.transforms` does to pictures one by one while they are read, this does to a whole
batch where it is, with random numbers that follow from the step: the teacher needs the frame as it
was.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2.functional import rgb_to_grayscale

_TOP = 255.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Photometric:
    """How far a view may be from the picture; see `UnlabelledSettings` of the recipe.

    Attributes:
        brightness: Factor from [1 - b, 1 + b]; the same for contrast and saturation.
        contrast: Of the differences to the picture's mean grey.
        saturation: Of the differences to the pixel's grey.
        hue: Turn round the grey axis from [-h, h], 1 is the whole circle.
        blur_px: Deviation of a Gaussian from [0, b].
        noise: Deviation of a pixel's noise from [0, n], 1 is the whole range.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0

    @property
    def is_random(self) -> bool:
        """Tell whether anything changes."""
        return any(getattr(self, field.name) for field in fields(self))

    def changed(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Return another view of each picture; a clip changes as a whole, but for the noise.

        Args:
            pictures: (N, [T,] 3, H, W) in [0, 255].
            generator: Source of all random numbers, on any device.

        Returns:
            The same shape in [0, 255]; float32, or `pictures` themselves if nothing changes.
        """
        if not self.is_random:
            return pictures
        # As many numbers whatever the settings are: one of them does not change another's draws.
        draws = torch.rand(6, len(pictures), generator=generator, device=generator.device)
        draws = draws.to(pictures.device)
        shape = (-1, *[1] * (pictures.dim() - 1))
        swings = 2 * draws - 1
        view = pictures.float()
        operations = (
            (self.brightness, _bright, 1 + self.brightness * swings[0].view(shape)),
            (self.contrast, _contrasted, 1 + self.contrast * swings[1].view(shape)),
            (self.saturation, _saturated, 1 + self.saturation * swings[2].view(shape)),
            (self.hue, _turned, math.tau * self.hue * swings[3]),
        )
        for reach, operation, amount in operations:
            if reach:
                view = operation(view, amount)
        if self.blur_px:
            view = blurred(view, self.blur_px * draws[4], math.ceil(3 * self.blur_px))
        if self.noise:
            grain = torch.randn(view.shape, generator=generator, device=generator.device)
            view = view + _TOP * self.noise * draws[5].view(shape) * grain.to(view.device)
        return view.clamp(0, _TOP)


def _bright(view: Tensor, factor: Tensor) -> Tensor:
    return (view * factor).clamp(0, _TOP)


def _contrasted(view: Tensor, factor: Tensor) -> Tensor:
    mean = _grey(view).mean(dim=tuple(range(1, view.dim())), keepdim=True)
    return (mean + factor * (view - mean)).clamp(0, _TOP)


def _saturated(view: Tensor, factor: Tensor) -> Tensor:
    grey = _grey(view)
    return (grey + factor * (view - grey)).clamp(0, _TOP)


def _grey(view: Tensor) -> Tensor:
    grey: Tensor = rgb_to_grayscale(view)
    return grey


def _turned(view: Tensor, angle: Tensor) -> Tensor:
    """Turn the colours of (N, ..., 3, H, W) round the grey axis by `angle` (N,), in radians."""
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    across = view.new_tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    matrix = (  # Rodrigues' formula for the axis (1, 1, 1)
        cosine * torch.eye(3, device=view.device) + (1 - cosine) / 3 + sine / math.sqrt(3) * across
    )
    return torch.einsum("nij,n...jhw->n...ihw", matrix, view).clamp(0, _TOP)


def blurred(view: Tensor, sigma_px: Tensor, radius_px: int) -> Tensor:
    """Return pictures (N, ..., H, W) blurred by Gaussians of their own deviations (N,).

    Borders are repeated outwards. A deviation of 0 leaves a picture as it is.
    """
    offsets = torch.arange(-radius_px, radius_px + 1, device=view.device)
    kernels = (-0.5 * (offsets / sigma_px.clamp_min(1e-3)[:, None]).square()).exp()
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    maps = view.reshape(1, -1, *view.shape[-2:])  # all pictures' channels side by side
    each = kernels.repeat_interleave(maps.shape[1] // len(view), dim=0)[:, None]
    for kernel, pad in (
        (each[:, :, None, :], (radius_px, radius_px, 0, 0)),
        (each[:, :, :, None], (0, 0, radius_px, radius_px)),
    ):
        maps = functional.pad(maps, pad, mode="replicate")
        maps = functional.conv2d(maps, kernel, groups=maps.shape[1])
    return maps.reshape(view.shape)
