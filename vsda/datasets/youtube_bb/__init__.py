"""YouTube-BoundingBoxes: tables of boxes, once a second."""
