"""`vsda evaluate`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsda.errors import UsageError

if TYPE_CHECKING:
    from vsda.evaluation.tally import Metric
    from vsda.evaluation.views import Views

_IOU_ALONE = "iou"


def evaluate(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... SHARDS...",
            help="Run folders of `vsda train`, then labelled sets, FOLDER/SET.",
        ),
    ],
    checkpoint: Annotated[
        str, typer.Option(help="latest, best (on the sets of --validation), or a file.")
    ] = "latest",
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="Judge the last step's weights where the run keeps an average of them."
        ),
    ] = False,
    scales: Annotated[
        str,
        typer.Option(help="Sizes at which each picture is looked at, as multiples: 0.75,1,1.25."),
    ] = "1",
    flip: Annotated[
        bool, typer.Option("--flip", help="Look at each picture mirrored, too.")
    ] = False,
    slide: Annotated[
        bool,
        typer.Option("--slide", help="Keep the aspect ratio and let a window go over the picture."),
    ] = False,
    metrics: Annotated[
        str,
        typer.Option(help="Besides the mean IoU: jf, stability, both with a comma, or iou alone."),
    ] = "jf,stability",
    attributes: Annotated[
        Path | None,
        typer.Option(help="CSV file with the columns sequence,attribute, to judge by attribute."),
    ] = None,
    save_masks: Annotated[
        Path | None,
        typer.Option(help="Folder for all predicted masks: RUN/SET/<sequence>/<frame>.png in it."),
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=0, help="Predictions kept as PNG for the report.")
    ] = 8,
    devices: Annotated[
        int | None,
        typer.Option(min=1, help="GPUs, or processes on CPUs, that share the work."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score runs on labelled shards: mean IoU, J and F, stability, per class and per video.

    Classes without a labelled pixel are told and do not count. Intervals draw the videos anew.
    Several runs are compared with the first; sets of images and of videos show the domain gap.

    Example: vsda evaluate runs/images-only runs/clustered data/shards/davis-val
    """
    runs, names = runs_and_sets(places)
    if save_masks is not None:
        _refuse_same_names(runs)
    chosen, views = _metrics(metrics), _views(scales, flip=flip, slide=slide)

    from vsda.cli.train_inputs import given_place
    from vsda.evaluation.attributes import read_attributes
    from vsda.evaluation.evaluate import evaluate_all
    from vsda.evaluation.options import EvaluationOptions
    from vsda.shards.index import open_set
    from vsda.training.devices import Devices, quieten_other_ranks

    quieten_other_ranks()
    read = {} if attributes is None else read_attributes(attributes)
    sets = [open_set(given_place(name)) for name in names]
    with Devices(per_node=devices).running() as fabric:
        options = EvaluationOptions(
            checkpoint=checkpoint,
            raw=raw,
            pictures=pictures,
            device=str(fabric.device),
            views=views,
            metrics=chosen,
            attributes=read,
            masks_dir=save_masks,
        )
        scores = evaluate_all(runs, sets, options, fabric)
        if fabric.global_rank:
            return
    if as_json:
        typer.echo(json.dumps(scores[0] if len(scores) == 1 else scores, indent=2))
    else:
        _print(scores)


def runs_and_sets(places: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the run folders, at least one, and the places of sets behind them."""
    from vsda.evaluation.trained import is_run

    num_runs = next((n for n, place in enumerate(places) if n and not is_run(Path(place))), 0)
    if not num_runs:
        raise UsageError(
            f"{' '.join(places)}: expected run folders and then labelled sets, such as "
            "runs/swin-patch-1 data/shards/davis-val"
        )
    runs, sets = [Path(place) for place in places[:num_runs]], list(places[num_runs:])
    for given in (runs, sets):
        if len({Path(place).resolve() for place in given}) < len(given):
            raise UsageError(f"{' '.join(map(str, given))}: name each once")
    return runs, sets


def _refuse_same_names(runs: Sequence[Path]) -> None:
    """Refuse runs whose masks would lie in one folder."""
    if len({run.resolve().name for run in runs}) < len(runs):
        raise UsageError(
            "--save-masks: two of the run folders have the same name, by which their masks are "
            "told apart; evaluate them one by one, each with a folder of its own"
        )


def _metrics(text: str) -> "frozenset[Metric]":
    from vsda.errors import UnknownNameError
    from vsda.evaluation.tally import Metric

    names = {name.strip() for name in text.split(",")} - {"", _IOU_ALONE}
    known = {metric.value for metric in Metric}
    for name in sorted(names - known):
        raise UnknownNameError("metric", name, {*known, _IOU_ALONE})
    return frozenset(map(Metric, names))


def _views(scales: str, *, flip: bool, slide: bool) -> "Views":
    from vsda.evaluation.views import Views

    try:
        numbers = tuple(float(scale) for scale in scales.split(","))
    except ValueError:
        raise UsageError(
            f"--scales {scales}: expected numbers with commas between them, such as 0.75,1,1.25"
        ) from None
    return Views(scales=numbers, flip=flip, slide=slide)


def _print(scores: Sequence[dict[str, Any]]) -> None:
    from vsda.evaluation.table import gap_lines, score_table

    for score in scores:
        typer.echo(score_table(score))
    if len({score["run"] for score in scores}) > 1:
        _print_side_by_side(scores)
    for line in (line for score in scores for line in gap_lines(score)):
        typer.echo(f"\n{line}")


def _print_side_by_side(scores: Sequence[dict[str, Any]]) -> None:
    from vsda.cli.table import Column, print_table
    from vsda.evaluation.table import percent, range_text, signed_percent

    columns = [Column("run"), Column("set"), Column("mean IoU", is_number=True)]
    columns += [Column(name, is_number=True) for name in ("95 %", "difference", "95 % of it")]
    rows = []
    for score in scores:
        change = score.get("difference", {"mean_iou": None, "interval": None})
        rows.append(
            [
                score["run"],
                score["set"],
                percent(score["mean_iou"]),
                range_text(score["interval"]),
                signed_percent(change["mean_iou"]),
                range_text(change["interval"], signed=True),
            ]
        )
    typer.echo()
    print_table(columns, rows)
