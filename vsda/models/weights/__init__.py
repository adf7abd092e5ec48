"""Weights from files into a network, in every layout that weights for these networks come in."""

from vsda.models.weights.found import FoundWeights, read_weights
from vsda.models.weights.load import check_weights, load_weights
from vsda.models.weights.report import WeightsReport

__all__ = ["FoundWeights", "WeightsReport", "check_weights", "load_weights", "read_weights"]
