"""Learning from the unlabelled frames themselves: the table [unlabelled] of a training recipe."""

from typing import Annotated, Literal

from pydantic import Field

from vsda.recipes.load import Settings
from vsda.recipes.numbers import Count, NonNegative, Share


class UnlabelledSettings(Settings):
    """What the whole network learns from frames without labels, beside any adversarial loss.

    Other than an adversarial loss these terms need no images to compare with, and send frames
    through the decoder, too.
    """

    loss: Literal["none", "entropy", "teacher"] = "none"
    """`entropy`: be sure, whatever of. `teacher`: answer on a changed view of a frame as a running
    average of the weights, the teacher, does on the frame as it is."""
    weight: NonNegative = 1.0
    """Of the term. Where it is 0, in a step or a run, no frame is looked at."""
    start_step: Count = 0
    """The weight is 0 before this step."""
    ramp_steps: Count = 0
    """From `start_step` on the weight rises evenly over so many steps."""
    statistics: Literal["running", "batch", "tracked"] = "running"
    """Batch normalisation of these frames, in the encoder and the decoder: by the running averages,
    as in prediction; by their own batch, leaving no trace; or by their own batch, which enters the
    running averages."""
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Of the teacher per step; it rises to this from 0."""
    confidence: Share = 0.968
    """The teacher's probability of its class above which a pixel counts as sure; the value of DACS
    and DAFormer. With `consistency` it is the student's, too."""
    weighting: Literal["pixels", "share"] = "pixels"
    """`pixels`: sure pixels count, others do not. `share`: all pixels of a frame count as much as
    the share of its sure ones, as in DAFormer."""
    mix: Literal["none", "classes"] = "none"
    """`classes`: half of the classes of a labelled picture are pasted, with their labels, over the
    frame that the student sees (ClassMix)."""
    brightness: Share = 0.25
    """Of the student's view: factor drawn from [1 - b, 1 + b]; the same for contrast and
    saturation."""
    contrast: Share = 0.25
    saturation: Share = 0.25
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """Turn drawn from [-h, h], as a share of the circle round the grey axis."""
    blur_px: Annotated[float, Field(ge=0, le=64)] = 1.0
    """Deviation of a Gaussian blur, drawn from [0, b]."""
    noise: Share = 0.05
    """Deviation of a pixel's noise, drawn from [0, n]; 1 is the whole range."""
    consistency: NonNegative = 0.0
    """Of a further term, in clips: where the student is sure in one frame and unsure in the next or
    the one before, it shall say there what it says in the sure one."""
