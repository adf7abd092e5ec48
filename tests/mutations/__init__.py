"""Faults planted on purpose: each must turn a test red. Run by `make faults`."""
