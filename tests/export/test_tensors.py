"""safetensors of a run, and the way back into a network."""

import json

import pytest
import safetensors
import safetensors.torch
import torch

from tests.made_runs import make_run
from tests.training.small import small_recipe
from vsda.errors import UsageError, WeightsError
from vsda.evaluation.trained import open_run
from vsda.export.run import ExportOptions, export
from vsda.models.weights import load_weights, read_weights
from vsda.recipes.train import InitSettings
from vsda.storage import sha256_file
from vsda.taxonomy import class_set
from vsda.training.build import build_network
from vsda.training.initial import initialise

CLASSES = class_set("person,dog")
CLASSIFIER = {"decoder.conv_seg.weight", "decoder.conv_seg.bias"}


@pytest.fixture
def run_dir(tmp_path):
    make_run(tmp_path / "run", averaged=True)
    return tmp_path / "run"


@pytest.fixture
def path(run_dir, tmp_path):
    export(run_dir, tmp_path / "net.safetensors", ExportOptions())
    return tmp_path / "net.safetensors"


def network():
    return build_network(small_recipe(), 3)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_it_holds_the_averaged_weights_by_the_networks_own_names(path, run_dir):
    state = open_run(run_dir).network.state_dict()
    assert same(safetensors.torch.load_file(path), state)


def test_raw_holds_the_weights_of_the_last_step(run_dir, tmp_path):
    done = export(run_dir, tmp_path / "raw.safetensors", ExportOptions(raw=True))
    state = open_run(run_dir, raw=True).network.state_dict()
    assert same(safetensors.torch.load_file(done.place), state)
    assert not done.is_average


def test_the_metadata_say_what_it_is(path, run_dir):
    with safetensors.safe_open(path, framework="pt") as file:
        found = file.metadata()
    trained = open_run(run_dir)
    assert json.loads(found.pop("recipe")) == trained.recipe.model_dump(mode="json")
    assert found.pop("vsda")
    assert found == {
        "classes": '["background", "person", "dog"]',
        "step": "7",
        "weights": "average",
        "checkpoint_sha256": sha256_file(trained.checkpoint),
        "format": "pt",
    }


def test_the_same_run_gives_the_same_bytes(path, run_dir, tmp_path):
    for number in range(3):  # the library shuffles metadata anew each time
        again = export(run_dir, tmp_path / f"{number}.safetensors", ExportOptions())
        assert again.place.read_bytes() == path.read_bytes()


def test_a_start_takes_it_with_the_classifier_of_the_same_classes(path, run_dir, tmp_path):
    started = network()
    record = initialise(started, InitSettings(weights=str(path)), CLASSES, tmp_path)
    assert set(record["report"]["loaded"]) >= CLASSIFIER
    assert record["report"]["layout"] == "weights of vsda"
    kept = open_run(run_dir).network.state_dict()
    assert all(torch.equal(kept[name], started.state_dict()[name]) for name in CLASSIFIER)


def test_a_classifier_of_as_many_other_classes_is_left_out(path, tmp_path):
    settings = InitSettings(weights=str(path))
    record = initialise(network(), settings, class_set("car,bird"), tmp_path)
    assert {record["report"]["skipped"][name] for name in CLASSIFIER} == {
        "classifier of other classes"
    }


def test_it_is_known_for_the_network_that_wrote_it(path):
    found = read_weights(path)
    assert (found.network, found.num_classes, found.classes) == ("swin_upernet", 3, CLASSES)


def test_it_is_read_from_elsewhere_too(path):
    import fsspec

    with fsspec.open("memory://export/net.safetensors", "wb") as file:
        file.write(path.read_bytes())
    report = load_weights(network(), "memory://export/net.safetensors", classes=CLASSES)
    assert set(report.loaded) >= CLASSIFIER


@pytest.mark.parametrize("recipe", ["{", "[1]", '{"classes": 3}'])
def test_metadata_that_are_no_recipe_say_no_classes_or_are_refused(path, recipe):
    tensors = safetensors.torch.load_file(path)
    safetensors.torch.save_file(tensors, path, {"vsda": "1", "recipe": recipe})
    if recipe == "{":
        with pytest.raises(WeightsError, match="damaged"):
            read_weights(path)
        return
    report = load_weights(network(), path, classes=CLASSES)
    assert {report.skipped[name] for name in CLASSIFIER} == {
        "the file does not say which classes it has"
    }


def test_metadata_of_others_are_not_taken_for_ours(path):
    tensors = safetensors.torch.load_file(path)
    safetensors.torch.save_file(tensors, path, {"recipe": '{"classes": "person,dog"}'})
    assert read_weights(path).classes is None


def test_another_ending_is_refused(run_dir, tmp_path):
    with pytest.raises(UsageError) as told:
        export(run_dir, tmp_path / "net.bin", ExportOptions())
    assert str(told.value) == (
        f"{tmp_path}/net.bin: got the ending '.bin', expected .safetensors or .onnx"
    )


def test_a_start_from_a_run_takes_its_averaged_weights(run_dir, tmp_path):
    started = network()
    record = initialise(started, InitSettings(weights=str(run_dir)), CLASSES, tmp_path)
    assert same(started.state_dict(), open_run(run_dir).network.state_dict())
    assert "the averaged weights of the run" in record["report"]["notes"]


def test_a_start_from_a_run_without_an_average_takes_the_last_ones(tmp_path):
    make_run(tmp_path / "run")
    started = network()
    record = initialise(started, InitSettings(weights=str(tmp_path / "run")), CLASSES, tmp_path)
    assert same(started.state_dict(), open_run(tmp_path / "run").network.state_dict())
    assert record["report"]["notes"] == ()
