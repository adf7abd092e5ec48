"""DAVIS-2017: sequences with masks of objects."""
