"""The `vsda` command: its groups, and the one place where errors become exit codes."""

import logging
import sys

import typer

from vsda.cli.train import evaluate, recipes, train
from vsda.errors import VsdaError

app = typer.Typer(
    name="vsda",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Video segmentation, domain adaptation: make shards, train on images and videos, judge.",
)
app.command()(train)
app.command()(evaluate)
app.command()(recipes)


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and an exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    try:
        app()
    except VsdaError as error:
        sys.stderr.write(f"vsda: {error}\n")
        sys.exit(error.exit_code)
