"""From video files to frames at 30 ticks a second, whatever the container claims."""
