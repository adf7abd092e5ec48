"""FBMS-59: sequences in which some frames have regions without a class."""
