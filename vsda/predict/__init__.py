"""What a run's network says about videos and pictures of one's own, as files for eyes and tools."""
