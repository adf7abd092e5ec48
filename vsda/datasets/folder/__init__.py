"""Anybody's own frames, masks and videos."""
