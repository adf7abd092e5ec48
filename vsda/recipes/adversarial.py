"""The loss between images and videos: the table [adversarial] of a training recipe."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vsda.recipes.load import Settings
from vsda.recipes.numbers import Count, NonNegative, Positive, Share, Width


class AdversarialSettings(Settings):
    """The loss that makes image and video features alike."""

    loss: Literal["none", "domain", "clustered"] = "none"
    placement: Literal["patch", "stage1", "stage2", "stage3", "stage4", "global"] = "patch"
    """Where the features are taken: right after the patch embedding, after a stage of the encoder,
    or (`global`) at its end, where all tokens of a frame are judged as one."""
    tap: Literal["after-norm", "before-norm", "both"] = "after-norm"
    """On which side of the placement's LayerNorm; the paper does not say. After it, a token's mean
    and scale are gone; `both` gives the features of both sides, side by side. Without a norm there
    (DeepLabv3) both are the same."""
    discriminator: Literal["linear", "conv", "patchgan", "patchgan3d"] = "linear"
    """Of the loss `domain`. `linear`: alternating linear layers and leaky ReLUs over each token, at
    `global` over a frame's concatenated tokens. `conv`: the paper's for CNNs at `global`.
    `patchgan`: four convolutions over each frame, the paper's for VideoSwin; `patchgan3d`: over
    clips."""
    hidden: Annotated[tuple[Width, ...], Field(max_length=16)] = (64, 64)
    """Widths of the hidden layers of `linear`, `conv` and the pair discriminator."""
    conv_channels: Width = 64
    """Channels to which `conv` reduces the features; of `patchgan`, the first layer's, which double
    from layer to layer."""
    dropout: Share = 0.5
    """Of the discriminator `conv`."""
    mu: NonNegative = 1.0
    """Strength of the gradient reversal."""
    mu_on: Literal["reversal", "loss"] = "reversal"
    """`reversal`: mu scales the network's gradient alone. `loss`: mu scales the loss behind a
    reversal of strength 1, so that the discriminator slows down, too. At mu = 1 both are one."""
    start_step: Count = 0
    """The reversal's strength is 0 before this step, so that the discriminator learns first."""
    reduction: Literal["mean", "sum"] = "mean"
    """Over tokens or pairs. `sum` is the paper's formula and scales mu by their number."""
    clusters: Width | Literal["classes", "classes+background"] = "classes+background"
    """Number of clusters. The paper takes as many as classes and leaves the background open."""
    pairs: Positive = 4096
    """Pairs of tokens drawn per step, shared equally by the clusters; the paper does not say."""
    balance: Literal["balanced", "natural"] = "balanced"
    """`balanced`: half of a cluster's pairs share their domain. `natural`: pairs as they come."""
    pair_input: Literal["symmetric", "concatenated"] = "symmetric"
    """What the pair discriminator sees: difference and product, or both tokens in both orders."""
    kmeans_iterations: Annotated[int, Field(gt=0, le=1_000)] = 5
    """Lloyd iterations per step, warm-started from the step before."""
    fit_tokens: Positive = 16_384
    """With more tokens than this, k-means runs on so many of them and assigns all."""
    video_statistics: Literal["running", "batch", "tracked"] = "running"
    """Batch normalisation of unlabelled frames inside the encoder (DeepLabv3): by the running
    averages, as in prediction; by their own batch, leaving no trace; or by their own batch, which
    enters the running averages, as if nothing had been done about it."""

    shuffle_domains: bool = False
    """A control: the pictures of a step are dealt to the two domains at random, so that there is
    nothing to tell apart. What such a run gains is not adaptation."""

    @model_validator(mode="after")
    def _clusters_can_be_fitted(self) -> Self:
        if isinstance(self.clusters, int) and self.fit_tokens < self.clusters:
            raise ValueError(
                f"fit_tokens is {self.fit_tokens} and clusters {self.clusters}: k-means needs at "
                "least as many tokens as clusters"
            )
        return self
