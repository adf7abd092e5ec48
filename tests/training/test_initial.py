"""Initial weights: which checkpoint, whose classifier, and what is refused in one line."""

import io
import zipfile

import pytest
import torch

from tests.training.small import small_recipe
from vsda.errors import RunError, VsdaError, WeightsError
from vsda.models.weights import check_weights
from vsda.recipes.train import InitSettings
from vsda.taxonomy import class_set
from vsda.training.build import build_network
from vsda.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from vsda.training.initial import initialise, read_initial

CLASSES = class_set("person,dog")
CLASSIFIER = {"decoder.conv_seg.weight", "decoder.conv_seg.bias"}
UNSAID = "the file does not say which classes it has"


def network():
    return build_network(small_recipe(), 3)


def saved(run_dir, *steps, recipe=None):
    """Save checkpoints of a small network and return their paths."""
    values = small_recipe().model_dump(mode="json") if recipe is None else recipe
    return [
        save_checkpoint(
            run_dir,
            Checkpoint(
                step=step,
                network=network().state_dict(),
                ema={},
                adversarial={},
                optimizers=[],
                scaler={},
                recipe=values,
                inputs={},
                meter={},
                counted={},
            ),
            keep=9,
        )
        for step in steps
    ]


def started(place, tmp_path, classes=CLASSES):
    """Return the record of a start from `place`, having seen that a check foretells it."""
    settings = InitSettings(weights=str(place))
    record = initialise(network(), settings, classes, tmp_path)
    foretold = check_weights(network(), read_initial(str(place), tmp_path), classes=classes)
    assert record["report"]["loaded"] == foretold.loaded
    assert record["report"]["skipped"] == foretold.skipped
    return record


def reasons(record):
    skipped = record["report"]["skipped"]
    return {skipped[name] for name in CLASSIFIER & skipped.keys()}


def test_a_classifier_of_the_same_classes_is_taken_from_our_checkpoint(tmp_path):
    (path,) = saved(tmp_path / "run", 5)
    assert set(started(path, tmp_path)["report"]["loaded"]) >= CLASSIFIER


def test_a_classifier_of_as_many_other_classes_is_left_out(tmp_path):
    (path,) = saved(tmp_path / "run", 5)
    record = started(path, tmp_path, class_set("car,bird"))
    assert reasons(record) == {"classifier of other classes"}
    assert not CLASSIFIER & set(record["report"]["loaded"])


@pytest.mark.parametrize("recipe", [{}, {"classes": 3}, {"classes": None, "network": "x"}])
def test_a_checkpoint_that_does_not_say_its_classes_keeps_its_classifier(tmp_path, recipe):
    (path,) = saved(tmp_path / "run", 5, recipe=recipe)
    assert reasons(started(path, tmp_path)) == {UNSAID}


@pytest.mark.parametrize("recipe", [None, [], "person,dog", 1])
def test_a_recipe_that_is_none_says_no_classes(tmp_path, recipe):
    path = tmp_path / "mine.pt"
    torch.save({"network": network().state_dict(), "recipe": recipe}, path)
    assert reasons(started(path, tmp_path)) == {UNSAID}


def test_weights_alone_do_not_say_their_classes_even_where_their_number_agrees(tmp_path):
    torch.save(network().state_dict(), tmp_path / "state.pt")
    assert reasons(started(tmp_path / "state.pt", tmp_path)) == {UNSAID}


def test_an_unknown_class_is_told_with_the_file(tmp_path):
    (path,) = saved(tmp_path / "run", 5, recipe={"classes": "gryphon" * 100_000})
    with pytest.raises(WeightsError, match="the classes that it was trained for are not") as told:
        initialise(network(), InitSettings(weights=str(path)), CLASSES, tmp_path)
    assert str(told.value).startswith(f"{path}: ")
    assert len(str(told.value)) < 600


def test_a_run_folder_stands_for_its_newest_whole_checkpoint(tmp_path, caplog):
    whole, cut, short = saved(tmp_path / "run", 5, 10, 15)
    cut.write_bytes(cut.read_bytes()[:-50])
    short.write_bytes(b"\x80")
    short.with_suffix(".sha256").unlink()
    assert started(tmp_path / "run", tmp_path)["file"] == str(whole)
    assert "step-000010.pt: damaged" in caplog.text


def test_a_run_folder_without_a_whole_checkpoint_is_told(tmp_path):
    (path,) = saved(tmp_path / "run", 5)
    path.write_bytes(b"")
    with pytest.raises(RunError, match="none of 1 checkpoints is whole; train it again"):
        read_initial(str(tmp_path / "run"), tmp_path)
    path.unlink()
    with pytest.raises(RunError, match="no checkpoint to start from; train it first"):
        read_initial(str(tmp_path / "run"), tmp_path)


def test_a_checkpoint_that_was_changed_is_refused_by_its_path_too(tmp_path):
    one, other = saved(tmp_path / "run", 5, 10)
    one.write_bytes(other.read_bytes())
    with pytest.raises(RunError, match="damaged: its SHA-256 is not the one in"):
        read_initial(str(one), tmp_path)


def test_a_digest_beside_a_file_of_others_is_not_taken_for_its(tmp_path):
    torch.save(network().state_dict(), tmp_path / "state.pt")
    (tmp_path / "state.sha256").write_text("0" * 64)
    assert read_initial(str(tmp_path / "state.pt"), tmp_path).layout == "weights of vsda"


def packed(path):
    """Return our checkpoint at `path` with its parts compressed."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(content, "w", 8) as archive:
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    return content.getvalue()


@pytest.mark.parametrize("kind", ["byte", "bomb", "deep", "words"])
def test_a_file_that_means_harm_is_one_line_for_a_start_and_a_resume(tmp_path, kind):
    (path,) = saved(tmp_path / "run", 5)
    deep = b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."
    made = {"byte": b"\x80", "bomb": packed(path), "deep": deep, "words": b"words\n" * 9}
    path.with_suffix(".sha256").unlink()
    path.write_bytes(made[kind])
    with pytest.raises(WeightsError) as started_from:
        read_initial(str(path), tmp_path)
    with pytest.raises(RunError, match="cannot be read as a checkpoint") as resumed:
        load_checkpoint(path)
    for error in (started_from, resumed):
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("key", "value"), [("recipe", None), ("step", "5"), ("optimizers", {})])
def test_a_checkpoint_with_something_else_under_a_key_is_not_resumed(tmp_path, key, value):
    (path,) = saved(tmp_path / "run", 5)
    torch.save(torch.load(path) | {key: value}, path)
    path.with_suffix(".sha256").unlink()
    with pytest.raises(RunError, match=f"its '{key}' is a {type(value).__name__}, expected a"):
        load_checkpoint(path)


def test_a_server_that_cannot_be_reached_is_not_called_a_missing_file(tmp_path):
    with pytest.raises(VsdaError, match="cannot be read: ") as caught:
        read_initial("http://127.0.0.1:9/x.pth", tmp_path)
    assert "not found" not in str(caught.value)
    assert str(caught.value).endswith("check its address and the network, then run again")
    assert not list(tmp_path.iterdir())


def test_a_name_whose_file_is_not_there_is_told(tmp_path):
    with pytest.raises(WeightsError, match="`vsda weights fetch swin-t-imagenet` brings them"):
        initialise(network(), InitSettings(weights="swin-t-imagenet"), CLASSES, tmp_path)
