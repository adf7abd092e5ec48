"""`vsda gap`: how far apart two domains are inside of a network."""

from pathlib import Path
from typing import Annotated

import typer

from vsda.cli.table import Column, print_json, print_table


def gap(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders of `vsda train`.")
    ],
    images: Annotated[str, typer.Argument(help="Set of images, FOLDER/SET.")],
    videos: Annotated[str, typer.Argument(help="Set of video frames, FOLDER/SET.")],
    before: Annotated[
        bool, typer.Option("--before", help="Measure what each run started from, too.")
    ] = False,
    samples: Annotated[int, typer.Option(min=2, help="Frames of each set, at most.")] = 256,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens of each frame, at most.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of all random draws.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for gap.json and the pictures. Default: gap/ in the first run."),
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(help="latest, best (on the sets of --validation), or a file.")
    ] = "latest",
    raw: Annotated[
        bool,
        typer.Option("--raw", help="The last step's weights where a run keeps an average of them."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all numbers as JSON.")] = False,
) -> None:
    """Measure how far apart images and videos are at every tap of a network, with a frozen probe.

    PAD is the proxy A-distance, 2 (1 - 2 e) of the error e of a linear probe on pictures and
    sequences that it has not seen: 0 is chance, 2 is no error. MMD2 is the squared discrepancy of
    the distributions, with the share of random exchanges that give as much. Where both sets have
    labels, the same inside of each class, and what a probe for the class finds. A picture of the
    tokens is drawn for each network. The same set twice shows what is found where no gap is.

    Example: vsda gap runs/swin-patch-1 coco-val davis-val --before
    """
    import torch

    from vsda.cli.train_inputs import data_folder, given_place
    from vsda.evaluation.trained import find_checkpoint
    from vsda.gap.measure import GapOptions, measure_gap
    from vsda.gap.networks import open_networks
    from vsda.gap.remarks import remarks
    from vsda.gap.text import gap_tables, headline
    from vsda.gap.write import GAP_DIR, gap_document, write_gap
    from vsda.shards.index import open_set

    image_set, video_set = (open_set(given_place(place)) for place in (images, videos))
    networks = open_networks(
        {run: find_checkpoint(run, checkpoint) for run in runs},
        raw=raw,
        starts_from=data_folder("weights") if before else None,
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = GapOptions(samples=samples, tokens=tokens, seed=seed, device=device)
    found = measure_gap(networks, image_set, video_set, options)
    folder = out or runs[0] / GAP_DIR
    write_gap(found, folder)
    if as_json:
        print_json(gap_document(found.result))
        return
    typer.echo(headline(found.result))
    for table in gap_tables(found.result):
        typer.echo(f"\n{table.title}")
        first, *others = table.headings
        columns = [Column(first), *(Column(heading, is_number=True) for heading in others)]
        print_table(columns, table.rows)
    typer.echo()
    for remark in remarks(found.result):
        typer.echo(remark)
    typer.echo(f"pictures and numbers: {folder}")
