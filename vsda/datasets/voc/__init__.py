"""Pascal VOC 2012: photographs with masks, and without."""
