"""Video segmentation, domain adaptation: from labelled images to unlabelled videos."""

__version__ = "0.1.0"
