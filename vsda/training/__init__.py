"""Recipes to trained networks."""
