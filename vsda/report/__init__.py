"""One self-contained page about one or more training runs, made from their run folders."""
