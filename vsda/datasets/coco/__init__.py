"""COCO 2017: images with label maps, outlines or panoptic regions."""
