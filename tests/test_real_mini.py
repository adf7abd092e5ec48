"""The small real experiment: its rows differ in what they show, and run on real video."""

import json
import math

import pytest

from tests.conftest import ROOT
from vsda.cli.prepare import resolve_options
from vsda.evaluation.evaluate import evaluate
from vsda.evaluation.options import EvaluationOptions
from vsda.models.weights import load_weights
from vsda.prepare import prepare
from vsda.recipes.small import load_train_recipe
from vsda.shards.index import open_set
from vsda.tables.load import load_table
from vsda.training.build import build_network
from vsda.training.inputs import open_inputs
from vsda.training.run import RunOptions, train

REAL_MINI = ROOT.parent / "shared" / "realmini"
WEIGHTS = REAL_MINI / "weights"
ARMS = {
    "photometric": {"augmentation"},
    "stage1": {"adversarial"},
    "global": {"adversarial"},
    "stage1-clustered": {"adversarial"},
    "statistics": {"statistics", "steps"},
    "joint": {"videos", "labelled_videos"},
}
needs_data = pytest.mark.skipif(not REAL_MINI.is_dir(), reason="the small real data are not here")


def settings(name):
    return load_train_recipe(f"real-mini-{name}").model_dump()


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_differs_from_the_source_in_what_it_shows_alone(name):
    arm, source = settings(name), settings("images")
    assert {key for key in arm if arm[key] != source[key]} == {"description"} | ARMS[name]


def test_every_row_goes_on_from_the_same_network():
    rows = load_table("real-mini").rows
    for name, row in rows.items():
        while row.start:
            name, row = row.start, rows[row.start]  # noqa: PLW2901
        assert name == "pretrain"
    assert not rows["pretrain"].shown
    assert {f"real-mini-{name}" for name in ARMS} < {row.recipe for row in rows.values()}


@needs_data
def test_the_encoders_weights_go_in_whole_with_no_name_excused():
    recipe = load_train_recipe("real-mini-pretrain")
    network = build_network(recipe, num_classes=4)
    assert recipe.init.may_miss == ()
    report = load_weights(network, WEIGHTS / recipe.init.weights)
    parameters = {name for name, _ in network.named_parameters() if name.startswith("encoder.")}
    assert parameters <= set(report.loaded)


@pytest.fixture(scope="module")
def real_sets(tmp_path_factory):
    """The experiment's DAVIS, made by `vsda prepare`: labelled, judged on, and without labels."""
    out = tmp_path_factory.mktemp("real-mini")
    for split, more in (("all", {"classes": "person,dog,car"}), ("unlabelled", {})):
        asked = {"root": REAL_MINI / "davis", "out": out, "split": split, "num_workers": 1, **more}
        for report in prepare("davis", resolve_options("davis", asked)):
            assert report.num_failed == 0
    return out


@needs_data
def test_real_frames_of_the_lists_are_all_there(real_sets):
    sizes = {
        name: open_set(str(real_sets / name)).index.num_samples
        for name in ("davis-train", "davis-val", "davis-unlabelled")
    }
    assert sizes == {"davis-train": 166, "davis-val": 191, "davis-unlabelled": 668}


@needs_data
@pytest.mark.slow
def test_the_clustered_row_adapts_to_real_frames_and_is_judged(real_sets, tmp_path):
    short = ["steps=2", "size_px=64", "workers=0", "log_every=1", "checkpoint_every=2"]
    recipe = load_train_recipe("real-mini-stage1-clustered", [*short, "adversarial.start_step=0"])
    sets = {"images": "davis-train", "videos": "davis-unlabelled"}
    recipe = recipe.model_copy(update={key: (str(real_sets / name),) for key, name in sets.items()})
    run_dir = tmp_path / "run"
    train(recipe, open_inputs(recipe), RunOptions(run_dir=run_dir, weights_dir=WEIGHTS))
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss_adversarial" in row] == [1, 2]
    assert all(math.isfinite(row["loss_adversarial"]) for row in rows)
    options = EvaluationOptions(pictures=0, device="cpu", metrics=frozenset())
    scores = evaluate(run_dir, open_set(str(real_sets / "davis-val")), options)
    assert (scores["num_frames"], 0 < scores["mean_iou"] < 1) == (191, True)
