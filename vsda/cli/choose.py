"""`vsda choose`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def choose(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... SHARDS",
            help="Run folders of `vsda train`, then a set of the target domain.",
        ),
    ],
    by: Annotated[
        str, typer.Option(help="Criterion to choose by: agreement, infomax, snd or entropy.")
    ] = "agreement",
    labels: Annotated[
        bool,
        typer.Option(
            "--labels", help="Show the true mean IoU, too, and what it would choose: the oracle."
        ),
    ] = False,
    frames: Annotated[int, typer.Option(min=1, help="Frames looked at, at most.")] = 100,
    points: Annotated[int, typer.Option(min=2, help="Pixels drawn of each frame.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Choose among the checkpoints of runs without labels of the target domain.

    Keep checkpoints to choose from with --set keep_checkpoints=20 when you train.

    Example: vsda choose runs/clustered-1 runs/clustered-2 data/shards/davis-train --by infomax
    """
    from vsda.choice.criteria import CRITERIA
    from vsda.errors import UnknownNameError, UsageError

    if by not in CRITERIA:
        raise UnknownNameError("criterion", by, CRITERIA)

    import torch

    from vsda.choice.choose import ChoiceOptions
    from vsda.choice.choose import choose as choose_checkpoint
    from vsda.cli.evaluate import runs_and_sets
    from vsda.cli.train_inputs import given_place
    from vsda.shards.index import open_set

    runs, sets = runs_and_sets(places)
    if len(sets) > 1:
        raise UsageError(f"{' '.join(sets)}: expected one set behind the run folders")
    options = ChoiceOptions(
        by=by,
        num_frames=frames,
        num_points=points,
        use_labels=labels,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    found = choose_checkpoint(runs, open_set(given_place(sets[0])), options)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _print(found)


def _print(found: Mapping[str, Any]) -> None:
    from vsda.choice.criteria import CRITERIA
    from vsda.cli.table import Column, print_table
    from vsda.evaluation.table import percent

    has_labels = "oracle" in found
    columns = [Column("checkpoint"), *(Column(name, is_number=True) for name in CRITERIA)]
    columns += [Column("mean IoU (target labels)", is_number=True)] if has_labels else []
    rows = []
    for candidate in found["candidates"]:
        row = [_name(candidate)]
        for name in CRITERIA:
            is_chosen = found["choices"][name]["checkpoint"] == candidate["checkpoint"]
            row.append(f"{candidate['values'][name]:.4f}{'*' if is_chosen else ' '}")
        if has_labels:
            is_best = found["oracle"]["checkpoint"] == candidate["checkpoint"]
            row.append(f"{percent(candidate['mean_iou'])}{'*' if is_best else ' '}")
        rows.append(row)
    if has_labels:
        rows.append(["rank correlation", *map(_signed, found["rank_correlation"].values()), ""])
    print_table(columns, rows)
    typer.echo(f"\n* chosen, on {found['num_frames']} frames of {found['set']}")
    if has_labels:
        oracle = found["oracle"]
        typer.echo(
            f"oracle, which uses target labels: {_name(oracle)}, {percent(oracle['mean_iou'])}"
        )
    typer.echo(f"chosen by {found['by']}: {found['chosen']}")


def _name(candidate: Mapping[str, Any]) -> str:
    return f"{Path(candidate['run']).name} {Path(candidate['checkpoint']).stem}"


def _signed(value: float | None) -> str:
    return "- " if value is None else f"{value:+.2f} "
