"""Print what the clustered loss costs."""

import typer

from vsda.bench.cluster_results import (
    ClusterBench,
    Machine,
    Ratio,
    Setting,
    SettingResult,
    Timing,
)
from vsda.cli.table import Column, print_table

_TIMES = tuple(Column(name, is_number=True) for name in ("median ms", "25 %", "75 %", "fastest ms"))


def print_cluster_bench(bench: ClusterBench) -> None:
    """Print two tables for each setting, and the machine below them."""
    for result in bench.settings:
        typer.echo(_setting_line(result.setting))
        _print_steps(result)
        typer.echo()
        _print_kmeans(result)
        typer.echo()
    typer.echo(_machine_line(bench.machine))


def _print_steps(result: SettingResult) -> None:
    compared = {
        "none": "",
        "domain": f"{_times(result.domain_to_none)} of none",
        "clustered": f"{_times(result.clustered_to_domain)} of domain",
    }
    cells = [[f"step, {loss}", *_ms(took), compared[loss]] for loss, took in result.steps.items()]
    cells += [
        [part.name, *_ms(part.took), f"{part.share_of_step:.1%} of the clustered step"]
        for part in result.parts
    ]
    print_table([Column("what"), *_TIMES, Column("compared")], cells)


def _print_kmeans(result: SettingResult) -> None:
    cells = [
        [
            row.name,
            *(["-"] * len(_TIMES) if row.took is None else _ms(row.took)),
            "-" if row.against_vsda is None else f"{row.against_vsda.of_medians:.1f}",
            "-" if row.square_distance is None else f"{row.square_distance:.3f}",
            row.note,
        ]
        for row in result.kmeans
    ]
    numbers = [Column(name, is_number=True) for name in ("times vsda", "mean squared distance")]
    print_table([Column("k-means"), *_TIMES, *numbers, Column("note")], cells)


def _ms(took: Timing) -> list[str]:
    return [
        f"{value:.2f}" for value in (took.median_ms, took.low_ms, took.high_ms, took.fastest_ms)
    ]


def _times(ratio: Ratio) -> str:
    return f"{ratio.of_medians:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


def _setting_line(setting: Setting) -> str:
    return (
        f"{setting.recipe}: {setting.network}, {setting.num_parameters / 1e6:.2f} M parameters, "
        f"{setting.size_px} px, {setting.batch_images} images + {setting.batch_videos} frames; "
        f"{setting.num_tokens:,} tokens x {setting.num_channels} at {setting.placement}, "
        f"k {setting.num_clusters}, {setting.num_pairs:,} pairs, "
        f"{setting.kmeans_iterations} k-means iterations; {setting.num_rounds} rounds"
    )


def _machine_line(machine: Machine) -> str:
    return (
        f"{machine.device}, {machine.processor}, {machine.num_threads} threads on "
        f"{machine.num_cores} cores, torch {machine.torch_version}, "
        f"scikit-learn {machine.sklearn_version or 'not installed'}; made-up pictures, random "
        "weights"
    )
