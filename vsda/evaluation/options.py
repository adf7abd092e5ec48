"""How runs are evaluated."""

from dataclasses import dataclass, field
from pathlib import Path

from vsda.evaluation.attributes import Attributes
from vsda.evaluation.tally import Metric
from vsda.evaluation.views import Views


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationOptions:
    """How a set is evaluated.

    Attributes:
        checkpoint: `latest`, `best` or one of the run's files, see `find_checkpoint`.
        raw: Judge the weights of the last step even where the run keeps an average of them.
        pictures: Number of predictions kept as PNG for the report, spread evenly over the set.
        device: Where the network runs, by torch's name.
        views: How each picture is looked at.
        metrics: What is computed besides the mean IoU.
        attributes: Of sequences.
        masks_dir: Every predicted mask goes to `<masks_dir>/<run>/<set>`, see `save_mask`; None
            writes none.
    """

    checkpoint: str = "latest"
    raw: bool = False
    pictures: int = 8
    device: str = "cpu"
    views: Views = field(default_factory=Views)
    metrics: frozenset[Metric] = frozenset(Metric)
    attributes: Attributes = field(default_factory=dict)
    masks_dir: Path | None = None
