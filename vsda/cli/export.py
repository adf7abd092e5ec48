"""`vsda export`: a trained network for other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsda.cli.given_sets import bytes_text
from vsda.cli.table import Column, print_json, print_table

if TYPE_CHECKING:
    from vsda.export.parity import Parity


def export_network(
    run: Annotated[Path, typer.Argument(help="Run folder of `vsda train`.")],
    out: Annotated[
        Path, typer.Option(help="File to write; its ending says the format: .safetensors or .onnx.")
    ],
    checkpoint: Annotated[
        str, typer.Option(help="`latest`, `best` on the validation sets, or a path.")
    ] = "latest",
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="The weights of the last step, even if the run keeps their average."
        ),
    ] = False,
    preprocessing: Annotated[
        bool,
        typer.Option(
            "--with-preprocessing/--without-preprocessing",
            help="Whether an ONNX file takes uint8 RGB and normalises it itself, or takes "
            "normalised float32.",
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a run's network as safetensors or ONNX: its averaged weights, if it keeps an average.

    A .safetensors file has the weights by the network's own names; `--init` of `vsda train` takes
    it, with its classifier where the classes are the same. An .onnx file maps `pictures` (N, 3, H,
    W), clips (N, T, 3, H, W), to `logits` (N, K, H, W) of any batch; it is run with onnxruntime,
    compared with the network on noise and on soft shapes, and kept only if they agree. The metadata
    of both have recipe, classes, step and the checkpoint's sha256.

    Example: vsda export runs/swin-patch-1 --out swin-patch.onnx
    """
    from vsda.evaluation.trained import find_checkpoint
    from vsda.export.run import ExportOptions, export

    options = ExportOptions(
        checkpoint=find_checkpoint(run, checkpoint), raw=raw, preprocessing=preprocessing
    )
    done = export(run, out, options)
    if as_json:
        print_json(asdict(done) | {"place": str(done.place)})
        return
    weights = "averaged weights" if done.is_average else "weights of the last step"
    typer.echo(f"{done.place}: {bytes_text(done.size_bytes)}, step {done.step}, {weights}")
    if done.parity:
        typer.echo("\nonnxruntime against torch:")
        print_table(_COLUMNS, [_cells(one) for one in done.parity])


_COLUMNS = [Column("pictures")] + [
    Column(heading, is_number=True) for heading in ("batch", "size", "difference", "same class")
]


def _cells(one: "Parity") -> list[str]:
    """Return a row: the difference is a share of the largest logit."""
    return [
        one.pictures,
        str(one.batch),
        f"{one.height_px} x {one.width_px}",
        f"{one.difference:.1e}",
        f"{one.agreement:.4%}",
    ]
