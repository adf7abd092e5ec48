"""A small made-up world in the layouts of COCO (images) and DAVIS (videos), for demos and tests."""
