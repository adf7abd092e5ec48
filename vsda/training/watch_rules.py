"""What can be wrong with a run, seen in its logged numbers: one function for each thing.

Each returns a text where a row shows it, an empty one where it does not, and None where the row
cannot tell. How often a row must show it before it is said stands in `WARNINGS`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from vsda.recipes.train import TrainRecipe
from vsda.training.watch_row import WINDOW, Discriminator, Row, percent_text, ratio_text

_UNBEATEN = 0.99
_GUESS_LOSS = math.log(2) + 0.05
_NEAR = 0.1
"""A cluster with less than this part of a domain's usual share has one domain only."""
_TOO_FEW = 0.001
"""A smaller share of pixels teaches nothing."""


def dead(row: Row) -> str | None:
    """Find a discriminator that guesses and has never done better."""
    judged = Discriminator.of(row.values)
    if judged is None:
        return None
    if row.past.was_better or not judged.guesses or _is_collapsed(row, judged):
        return ""
    return (
        f"the discriminator guesses, {judged.words}, and has never done better: the adversarial "
        "loss teaches nothing. See with `vsda gap` whether the domains differ at "
        "adversarial.placement at all; if so, raise discriminator_optimizer.learning_rate or "
        "adversarial.hidden, or let it learn first with adversarial.start_step"
    )


def collapsed(row: Row) -> str | None:
    """Find a discriminator that answers the same for both domains, and is punished for it."""
    judged = Discriminator.of(row.values)
    if judged is None:
        return None
    if not _is_collapsed(row, judged):
        return ""
    loss = row.values.get("loss_adversarial")
    with_loss = "" if loss is None else f" with a loss of {loss:.3g}"
    return (
        f"the discriminator gives one answer to all{with_loss}, {judged.words}: it has collapsed, "
        "and what the network learns from it has no direction. Lower "
        "discriminator_optimizer.learning_rate or adversarial.mu, or let it learn first with "
        "adversarial.start_step"
    )


def _is_collapsed(row: Row, judged: Discriminator) -> bool:
    """Tell a wrong answer for all from a guess, which may lean to one side as well.

    A loss summed over tokens or pairs does not say which it is. In pairs as they come, "same
    domain" for all is the best guess.
    """
    settings = row.recipe.adversarial
    if not judged.gives_one_answer:
        return False
    leans = settings.loss == "clustered" and settings.balance == "natural"
    if leans and judged.first > judged.second:
        return False
    loss = row.values.get("loss_adversarial")
    return settings.reduction == "sum" or loss is None or loss > _GUESS_LOSS


def fooled(row: Row) -> str | None:
    """Find a discriminator that did better once and guesses now: no fault, but no proof."""
    judged = Discriminator.of(row.values)
    if judged is None:
        return None
    if not row.past.was_better or not judged.guesses or _is_collapsed(row, judged):
        return ""
    return (
        f"the discriminator no longer tells the domains apart: {judged.words}, and it did better "
        "before. That this one is fooled does not show that the features are alike: only a fresh "
        "probe does, see `vsda gap`"
    )


def unbeaten(row: Row) -> str | None:
    """Find a discriminator that is always right although the reversal acts against it."""
    judged = Discriminator.of(row.values)
    if judged is None:
        return None
    acts = row.strength > 0 and row.recipe.adversarial.mu > 0
    if not acts or min(judged.first, judged.second) <= _UNBEATEN:
        return ""
    return (
        f"the discriminator is unbeaten, {judged.words}, although the reversal acts"
        f"{ratio_text(row)}: the features stay apart. Raise adversarial.mu, lower "
        "discriminator_optimizer.learning_rate, or choose a deeper adversarial.placement, before "
        "which more of the network can change"
    )


def no_valid_cluster(row: Row) -> str | None:
    """Find a clustered loss without any cluster to draw pairs from."""
    count = row.values.get("num_valid_clusters")
    if count is None:
        return None
    if count > 0:
        return ""
    return (
        "no cluster held two tokens of either domain, so the clustered loss was 0 and taught "
        "nothing; lower adversarial.clusters, raise batch_images and batch_videos, or choose a "
        "shallower adversarial.placement"
    )


def one_sided_clusters(row: Row) -> str | None:
    """Find clusters most of which hold one domain only, measured by the mix of the tokens."""
    prefix = "cluster_source_share_"
    shares = [value for name, value in row.values.items() if name.startswith(prefix)]
    if not shares:
        return None
    overall = source_share(row.recipe)
    low, high = _NEAR * overall, 1 - _NEAR * (1 - overall)
    num_odd = sum(not low <= share <= high for share in shares)
    if num_odd * 2 <= len(shares):
        return ""
    return (
        f"{num_odd} of {len(shares)} clusters hold hardly any token of one of the domains: k-means "
        "parts the tokens by domain instead of by content, and few pairs lie across. Lower "
        "adversarial.clusters, or choose another adversarial.placement or adversarial.tap"
    )


def starving(row: Row) -> str | None:
    """Find a device that waits for its data."""
    share = row.values.get("data_wait")
    if share is None:
        return None
    if share <= 0.3:
        return ""
    workers = row.recipe.workers
    now = f"{workers} now" if workers else "0 now: the training process reads by itself"
    return (
        f"{percent_text(share)} of the time goes into waiting for data, so that the device idles. "
        f"Raise workers ({now}) or prefetch, up to the cores of this machine, or train on smaller "
        "pictures: `vsda shards resize`"
    )


def diverging(row: Row) -> str | None:
    """Find a segmentation loss far above what it was; the total rises where a network wins."""
    recent, best = row.past.recent_loss(), row.past.best_loss
    if recent is None:
        return None
    if not recent > max(2 * best, best + 0.2):
        return ""
    return (
        f"the segmentation loss is {recent:.3g} in the last {WINDOW} rows, and was {best:.3g} "
        f"at its best{ratio_text(row)}: the network unlearns. Lower optimizer.learning_rate or "
        "adversarial.mu, or set optimizer.clip_norm, and go on from an earlier checkpoint"
    )


def skipping(row: Row) -> str | None:
    """Find many steps that were skipped as their numbers were not finite."""
    if len(row.past.skipped) < WINDOW:
        return None
    (first_step, before), (last_step, count) = row.past.skipped[0], row.past.skipped[-1]
    num_steps, num_skipped = last_step - first_step, count - before
    if num_skipped <= 0.1 * num_steps:
        return ""
    advice = "Lower optimizer.learning_rate or adversarial.mu, or set optimizer.clip_norm"
    if row.recipe.precision == "16-mixed":
        advice = "Set precision to bf16-mixed, or lower optimizer.learning_rate"
    return (
        f"{num_skipped:.0f} of the last {num_steps:.0f} steps were skipped, as a loss or gradient "
        f"was not finite: so much of the run is lost, and max_nonfinite in a row end it. {advice}"
    )


def unsure_teacher(row: Row) -> str | None:
    """Find a teacher that is sure of next to nothing."""
    share = row.values.get("pseudo_label_share")
    if share is None:
        return None
    if share >= _TOO_FEW:
        return ""
    return (
        f"the teacher is sure of {percent_text(share)} of the pixels of unlabelled frames, so that "
        f"they teach next to nothing. Lower unlabelled.confidence "
        f"({row.recipe.unlabelled.confidence:g} now), or begin with a network that has learnt the "
        "images: --init, or unlabelled.start_step"
    )


def blind_teacher(row: Row) -> str | None:
    """Find a teacher that takes all frames for background."""
    share = row.values.get("pseudo_object_share")
    if share is None:
        return None
    if share >= _TOO_FEW:
        return ""
    return (
        f"the teacher finds objects in {percent_text(share)} of the pixels of unlabelled frames: "
        "it teaches background. Begin with a network that has learnt the images: --init, or "
        "unlabelled.start_step; or set unlabelled.mix to classes, which shows objects over frames"
    )


def source_share(recipe: TrainRecipe) -> float:
    """Return the share of image tokens among all that the adversarial loss sees."""
    videos = recipe.batch_videos if recipe.uses_videos else 0
    videos += recipe.batch_labelled_videos if recipe.labelled_videos else 0
    return recipe.batch_images / (recipe.batch_images + videos * (recipe.clip_frames or 1))


@dataclass(frozen=True, slots=True)
class Rule:
    """When a text of `find` is said.

    Attributes:
        find: Looks for it in a row.
        rows: Rows in a row that must show it; as many without it end it.
        steps: Steps that they must span.
        once: Never again in a run, even if it ends and comes back.
    """

    find: Callable[[Row], str | None]
    rows: int
    steps: int = 0
    once: bool = False


WARNINGS = {
    "dead": Rule(dead, rows=10, steps=200),
    "collapsed": Rule(collapsed, rows=5, steps=100),
    "unbeaten": Rule(unbeaten, rows=20, steps=400),
    "no valid cluster": Rule(no_valid_cluster, rows=2),
    "one-sided clusters": Rule(one_sided_clusters, rows=5),
    "starving": Rule(starving, rows=5, steps=100),
    "diverging": Rule(diverging, rows=3),
    "skipping": Rule(skipping, rows=2),
    "unsure teacher": Rule(unsure_teacher, rows=10, steps=200),
    "blind teacher": Rule(blind_teacher, rows=10, steps=200),
}
NOTES = {"fooled": Rule(fooled, rows=5, once=True)}
"""What is no fault."""
