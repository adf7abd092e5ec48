"""What an exported file says of itself: where its weights come from and what its outputs mean."""

import json
from importlib.metadata import version

from vsda.errors import VsdaError
from vsda.evaluation.trained import TrainedNetwork
from vsda.models.weights.files import OUR_RECIPE, OUR_VERSION
from vsda.storage import sha256_file


class ExportError(VsdaError):
    """A network that a format cannot hold, or a file whose network is another one."""


def facts_of(trained: TrainedNetwork) -> dict[str, str]:
    """Return what both formats keep beside the weights, as text by name.

    `classes` is a JSON list in the order of the outputs, `recipe` the run's recipe as JSON.
    """
    if trained.checkpoint is None:
        raise ValueError("the network is still being trained; expected one from a checkpoint")
    return {
        OUR_VERSION: version("vsda"),
        OUR_RECIPE: json.dumps(trained.recipe.model_dump(mode="json"), sort_keys=True),
        "classes": json.dumps(["background", *trained.classes.names]),
        "step": str(trained.step),
        "weights": "average" if trained.is_average else "last step",
        "checkpoint_sha256": sha256_file(trained.checkpoint),
    }
