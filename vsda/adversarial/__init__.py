"""Losses that make features of images and of video frames alike."""
