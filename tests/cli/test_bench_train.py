import json

import pytest
from typer.testing import CliRunner

from tests.bench.test_train import SMALL
from vsda.bench.cluster_results import Machine, Ratio, Timing
from vsda.bench.train_results import TrainBench, TrainResult, TrainRow, TrainSetting
from vsda.cli.bench import bench_app
from vsda.cli.bench_train import print_train_bench
from vsda.errors import UsageError
from vsda.manifests.speeds import PaperEpoch


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return str(path)


def run(*arguments):
    return CliRunner().invoke(bench_app, ["train", *arguments])


def test_json_holds_the_figures(recipe):
    result = run("--recipe", recipe, "--repeats", "1", "--steps", "2", "--batch", "2", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    (one,) = found["results"]
    assert [row["name"] for row in one["rows"]] == ["vsda train", "bare loop"]
    assert one["setting"]["batch_images"] == one["setting"]["batch_videos"] == 2
    assert {"process_peak_bytes", "machine"} < found.keys()


def test_table_names_the_setting_the_peak_and_the_paper(capsys):
    step = Timing(median_ms=100.0, low_ms=90.0, high_ms=120.0, fastest_ms=80.0, num_rounds=3)
    common = {"step": step, "images_per_s": 80.0, "peak_bytes": 2**31}
    ratio = Ratio(of_medians=0.97, low=0.96, high=0.98)
    rows = (
        TrainRow(
            name="vsda train",
            of_bare=ratio,
            data_wait=0.01,
            share_of_peak=0.4,
            epoch_s=21.3,
            **common,
        ),
        TrainRow(
            name="bare loop",
            of_bare=None,
            data_wait=None,
            share_of_peak=None,
            epoch_s=None,
            **common,
        ),
    )
    setting = TrainSetting(
        recipe="swin-patch",
        network="swin_upernet",
        num_parameters=58_900_000,
        loss="domain",
        placement="patch",
        size_px=256,
        batch_images=4,
        batch_videos=4,
        precision="bf16-mixed",
        channels_last=True,
        workers=2,
        multiply_adds=240_000_000_000,
        num_steps=50,
        log_every=50,
        num_rounds=3,
    )
    paper = PaperEpoch("domain", 365, 3401, 16, "Titan X")
    result = TrainResult(setting=setting, rows=rows, peak_format="bf16", paper=paper)
    machine = Machine(
        device="a GPU",
        processor="x",
        num_threads=1,
        num_cores=2,
        torch_version="2",
        sklearn_version=None,
    )
    print_train_bench(TrainBench(results=(result,), process_peak_bytes=2**30, machine=machine))
    head, columns, ours, bare, peak, epoch, _, last, memory = capsys.readouterr().out.splitlines()
    assert "58.90 M parameters, 256 px, 4 images + 4 frames, loss domain at patch" in head
    assert "precision bf16-mixed, channels last, 2 workers for each stream" in head
    assert columns.split()[:2] == ["way", "steps/s"]
    for cell in ("10", "80", "0.970 (0.960 to 0.980)", "1.0%", "2.0", "40.0%", "21"):
        assert cell in ours
    assert bare.count("-") == 4
    assert peak == "peak speed: that of the device in bf16"
    assert epoch == "epoch: 3,401 frames; the paper states 365 s (Titan X, batch 16)"
    assert last.startswith("a GPU, x, 1 threads on 2 cores")
    assert memory == "peak memory of this process: 1.0 GiB"


def test_unknown_precision_is_told(recipe):
    result = run("--recipe", recipe, "--precision", "8")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--precision 8: expected one of 32, bf16-mixed, 16-mixed"
