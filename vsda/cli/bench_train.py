"""Print how fast training is."""

import typer

from vsda.bench.cluster_results import Machine
from vsda.bench.train_results import TrainBench, TrainResult, TrainRow, TrainSetting
from vsda.cli.table import Column, print_table

_GIB = 2**30
_NUMBERS = (
    "steps/s",
    "images/s",
    "step ms",
    "25 %",
    "75 %",
    "of bare loop",
    "waits for data",
    "peak GiB",
    "of peak speed",
    "epoch s",
)


def print_train_bench(bench: TrainBench) -> None:
    """Print a table for each recipe, and the machine below them."""
    for result in bench.results:
        typer.echo(_setting_line(result.setting))
        columns = [Column("way"), *(Column(name, is_number=True) for name in _NUMBERS)]
        print_table(columns, [_cells(row) for row in result.rows])
        for line in _notes(result):
            typer.echo(line)
        typer.echo()
    typer.echo(_machine_line(bench.machine))
    typer.echo(f"peak memory of this process: {bench.process_peak_bytes / _GIB:.1f} GiB")


def _cells(row: TrainRow) -> list[str]:
    ratio = row.of_bare
    return [
        row.name,
        f"{1e3 / row.step.median_ms:.3g}",
        f"{row.images_per_s:.3g}",
        *(f"{value:.1f}" for value in (row.step.median_ms, row.step.low_ms, row.step.high_ms)),
        "-" if ratio is None else f"{ratio.of_medians:.3f} ({ratio.low:.3f} to {ratio.high:.3f})",
        "-" if row.data_wait is None else f"{row.data_wait:.1%}",
        "-" if row.peak_bytes is None else f"{row.peak_bytes / _GIB:.1f}",
        "-" if row.share_of_peak is None else f"{row.share_of_peak:.1%}",
        "-" if row.epoch_s is None else f"{row.epoch_s:,.0f}",
    ]


def _notes(result: TrainResult) -> list[str]:
    notes = []
    if result.peak_format is not None:
        notes.append(f"peak speed: that of the device in {result.peak_format}")
    if (paper := result.paper) is not None:
        notes.append(
            f"epoch: {paper.frames:,} frames; the paper states {paper.seconds:,} s "
            f"({paper.device}, batch {paper.batch})"
        )
    return notes


def _setting_line(setting: TrainSetting) -> str:
    where = "" if setting.loss == "none" else f" at {setting.placement}"
    return (
        f"{setting.recipe}: {setting.network}, {setting.num_parameters / 1e6:.2f} M parameters, "
        f"{setting.size_px} px, {setting.batch_images} images + {setting.batch_videos} frames, "
        f"loss {setting.loss}{where}, precision {setting.precision}"
        f"{', channels last' if setting.channels_last else ''}, {setting.workers} workers for "
        f"each stream; {setting.multiply_adds / 1e9:.3g} G multiply-adds forward; "
        f"{setting.num_rounds} rounds of {setting.num_steps} steps, a row of the log every "
        f"{setting.log_every} steps"
    )


def _machine_line(machine: Machine) -> str:
    return (
        f"{machine.device}, {machine.processor}, {machine.num_threads} threads on "
        f"{machine.num_cores} cores, torch {machine.torch_version}; made-up pictures, random "
        "weights; checkpoints and pictures left out"
    )
