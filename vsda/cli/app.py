"""The `vsda` command: its groups, and the one place where errors become exit codes."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from vsda.cli.bench import bench_app
from vsda.cli.choose import choose
from vsda.cli.classes import classes
from vsda.cli.coco_counts import coco_counts
from vsda.cli.cost import cost
from vsda.cli.demo import run_demo
from vsda.cli.doctor import doctor
from vsda.cli.evaluate import evaluate
from vsda.cli.export import export_network
from vsda.cli.fetch import fetch_app
from vsda.cli.gap import gap
from vsda.cli.ledger import ledger_app
from vsda.cli.predict import predict
from vsda.cli.prepare import prepare_app
from vsda.cli.prepare_fbms import fbms
from vsda.cli.prepare_folder import folder
from vsda.cli.prepare_voc import voc
from vsda.cli.report import report
from vsda.cli.shards import shards_app
from vsda.cli.shards_export import export
from vsda.cli.shards_repair import repair
from vsda.cli.shards_rework import merge, resize, split
from vsda.cli.synth import synth
from vsda.cli.tables import tables
from vsda.cli.train import TrainCommand, recipes, train
from vsda.cli.weights import weights_app
from vsda.errors import FULL_DISK, ExitCode, VsdaError

TRAIN_PACKAGES = {
    "torch",
    "torchvision",
    "simplejpeg",
    "timm",
    "lightning_fabric",
    "tensorboard",
    "matplotlib",
}
"""What only the `[train]` extra brings."""

STOPPED = "stopped; run the same command again to go on"

app = typer.Typer(
    name="vsda",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Video segmentation, domain adaptation: fetch, make shards, train on images and videos, "
    "judge.",
)
for dataset in (fbms, voc, folder):
    prepare_app.command()(dataset)
for change in (resize, merge, split, export, repair):
    shards_app.command()(change)
app.add_typer(fetch_app, name="fetch")
app.add_typer(prepare_app, name="prepare")
app.add_typer(shards_app, name="shards")
app.add_typer(ledger_app, name="ledger")
app.add_typer(weights_app, name="weights")
app.add_typer(bench_app, name="bench")
app.command()(doctor)
app.command()(classes)
app.command()(coco_counts)
app.command(cls=TrainCommand)(train)
app.command()(evaluate)
app.command()(choose)
app.command()(gap)
app.command()(predict)
app.command("export")(export_network)
app.command()(report)
app.command()(recipes)
app.command()(tables)
app.command()(cost)
app.command()(synth)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
) -> None:
    """Go the whole way once in a made-up world: synth, prepare, train, evaluate, report.

    Run it again after an interruption: it goes on where it stopped.
    """
    run_demo(out, _run_here)


def _run_here(arguments: list[str]) -> None:
    """Run one command in this process; a failure ends the program with its exit code."""
    code = app(arguments, standalone_mode=False)
    if code:
        raise typer.Exit(code)


class StderrHandler(logging.Handler):
    """Writes to what `sys.stderr` is at the moment, so that a progress bar stays below the log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stderr.write(f"{self.format(record)}\n")


def main() -> None:
    """Run the command line; a user's mistake becomes one line on stderr and an exit code."""
    logging.basicConfig(handlers=[StderrHandler()], format="%(message)s")
    logging.getLogger("vsda").setLevel(logging.INFO)  # of other packages, warnings only
    try:
        app()
    except VsdaError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        _end(STOPPED, ExitCode.STOPPED)
    except SystemExit as end:
        if end.code != ExitCode.STOPPED:  # the code that typer gives Ctrl-C
            raise
        _end(STOPPED, ExitCode.STOPPED)
    except OSError as error:
        _end_by_system(error)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in TRAIN_PACKAGES:
            raise
        _end(
            f"this command needs {error.name}, which a data-only installation lacks; "
            "pip install 'vsda[train]'",
            ExitCode.FAILED,
        )


def _end_by_system(error: OSError) -> None:
    """End with what the system refused: a place, or more output; raise any other error again."""
    place = error.filename2 or error.filename  # a rename's new name says more than its old one
    if place is not None:
        _end(
            f"{os.fsdecode(place)}: {error.strerror}; give another place, or mend this "
            "one and run the command again",
            ExitCode.FAILED,
        )
    if error.errno not in FULL_DISK:
        raise error
    # What standard output still holds would fail once more when Python ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _end(f"{error.strerror}; free some space and run again", ExitCode.FAILED)


def _end(message: str, code: ExitCode) -> NoReturn:
    sys.stderr.write(f"vsda: {message}\n")
    sys.exit(code)
