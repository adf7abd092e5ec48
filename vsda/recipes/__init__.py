"""What to run: the files under pipelines/ as checked, frozen values."""
