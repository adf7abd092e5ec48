"""HTML pages: a set to leap through, and the regions of FBMS-59 to settle."""
