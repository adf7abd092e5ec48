"""Measurements beside the alternatives, in one run each."""
