"""`python -m vsda`."""

from vsda.cli.app import main

main()
