"""Choosing a checkpoint where the target domain has no labels to choose by."""
