"""Shards: plain WebDataset tars, the index that proves them whole, and what reads them."""
