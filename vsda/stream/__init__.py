"""Shards to batches: two endless streams in an order that is a pure function."""
