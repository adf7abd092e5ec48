"""YouTube-BoundingBoxes: from annotation rows to shards, in a run of any length."""
