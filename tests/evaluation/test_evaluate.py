"""A run judged on a set."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix as reference

from tests.made_sets import make_images, make_sample, make_set, make_videos
from tests.training.small import small_recipe
from vsda.errors import RecipeError, RunError, ShardError
from vsda.evaluation.evaluate import evaluate
from vsda.evaluation.options import EvaluationOptions
from vsda.evaluation.predict import predict_set
from vsda.evaluation.table import score_table
from vsda.evaluation.trained import open_run
from vsda.shards.read import RandomAccessShards
from vsda.training.inputs import open_inputs
from vsda.training.run import RunOptions, train


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A short run with the sets it was trained on."""
    folder = tmp_path_factory.mktemp("world")
    images = make_images(folder / "shards", 13)
    videos = make_videos(folder / "shards", 5)
    fast = {"name": "adamw", "learning_rate": 0.01, "schedule": "constant"}
    recipe = small_recipe(optimizer=fast, steps=30)
    recipe = recipe.model_copy(update={"images": (str(folder / "shards" / "images"),)})
    inputs = open_inputs(recipe)
    train(recipe, inputs, RunOptions(run_dir=folder / "run"))
    return folder / "run", images, videos


def test_scores_equal_an_independent_computation(world):
    run_dir, images, _ = world
    scores = evaluate(run_dir, images, EvaluationOptions())
    shards = RandomAccessShards(images)
    predictions = list(predict_set(open_run(run_dir), shards, range(len(shards)), "cpu"))
    truth = np.concatenate([each.truth.ravel() for each in predictions])
    predicted = np.concatenate([each.predicted.ravel() for each in predictions])
    expected = reference(truth, predicted, labels=range(3))
    assert scores["confusion"] == expected.tolist()
    union = expected.sum(0) + expected.sum(1) - np.diag(expected)
    assert scores["mean_iou"] == pytest.approx(float(np.mean(np.diag(expected) / union)))


def test_a_trained_run_is_better_than_chance(world):
    run_dir, images, _ = world
    assert evaluate(run_dir, images, EvaluationOptions())["mean_iou"] > 0.4


def test_scores_are_kept_in_the_run_folder(world):
    run_dir, _, videos = world
    scores = evaluate(run_dir, videos, EvaluationOptions(pictures=2))
    kept = json.loads((run_dir / "evaluation" / "videos.json").read_text())
    assert kept == scores
    assert kept["videos"]["clip"]["num_frames"] == 5
    assert kept["classes"] == ["background", "person", "dog"]
    assert [picture["key"] for picture in kept["predictions"]] == [
        "made/clip/00100",
        "made/clip/00104",
    ]


def test_kept_predictions_hold_coco_ids(world):
    run_dir, images, _ = world
    scores = evaluate(run_dir, images, EvaluationOptions(pictures=13))
    ids = set()
    for picture in scores["predictions"]:
        with Image.open(run_dir / picture["png"]) as png:
            ids |= set(np.unique(np.asarray(png)).tolist())
    assert ids <= {0, 1, 18}
    assert len(ids) > 1


def test_masks_are_judged_at_their_own_size(world, tmp_path):
    run_dir, _, _ = world
    samples = [make_sample(i, size_px=48, sequence=None) for i in range(2)]
    scores = evaluate(run_dir, make_set(tmp_path, "large", samples), EvaluationOptions())
    assert sum(scores["pixels"].values()) == 2 * 48 * 48


def test_absent_class_is_told(world, tmp_path):
    run_dir, _, _ = world
    persons = make_set(tmp_path, "persons", [make_sample(0, size_px=32, sequence=None)])
    scores = evaluate(run_dir, persons, EvaluationOptions())
    assert scores["absent"] == ["dog"]
    assert scores["iou"]["dog"] is None
    assert "not in this set, not counted: dog" in score_table(scores)


def test_frames_without_a_mask_are_passed_over(world, tmp_path):
    run_dir, *_ = world
    samples = [make_sample(i, size_px=32, sequence="clip") for i in range(6)]
    labelled = make_set(tmp_path / "labelled", "few", samples[::2])
    mixed = [dataclasses.replace(one, seg=None) if i % 2 else one for i, one in enumerate(samples)]
    expected = evaluate(run_dir, labelled, EvaluationOptions())
    (run_dir / "evaluation" / "few.json").unlink()
    scores = evaluate(run_dir, make_set(tmp_path / "mixed", "few", mixed), EvaluationOptions())
    assert scores["iou"] == expected["iou"]
    assert scores["videos"]["clip"]["num_frames"] == 3


def test_set_without_labels_is_refused(world, tmp_path):
    run_dir, _, _ = world
    bare = [replace(make_sample(0, size_px=32, sequence=None), seg=None)]
    with pytest.raises(ShardError, match=r"has no seg\.png; prepare --remap coco"):
        evaluate(run_dir, make_set(tmp_path, "bare", bare), EvaluationOptions())


def test_set_prepared_without_a_class_of_the_run_is_refused(world, tmp_path):
    run_dir, _, _ = world
    samples = [make_sample(0, size_px=32, sequence=None)]
    fewer = make_set(tmp_path, "fewer", samples, classes=["person"])
    with pytest.raises(RecipeError, match=r"prepared without \['dog'\]"):
        evaluate(run_dir, fewer, EvaluationOptions())


def test_folder_that_is_no_run_is_told(world, tmp_path):
    with pytest.raises(RunError, match="no checkpoint; is it a run folder"):
        evaluate(tmp_path, world[1], EvaluationOptions())


def test_table_shows_the_worst_videos_first_and_says_how_many_are_left_out():
    videos = {f"clip{i:02d}": {"mean_iou": i / 100, "num_frames": 2} for i in range(40)}
    scores = {
        "run": "run",
        "set": "set",
        "step": 1,
        "num_frames": 80,
        "iou": {"background": 0.5},
        "pixels": {"background": 10},
        "videos": videos,
        "absent": [],
        "mean_iou": 0.5,
    }
    lines = score_table(scores).splitlines()
    shown = [line.split()[0] for line in lines if line.startswith("clip")]
    assert shown == [f"clip{i:02d}" for i in range(30)]
    assert "and 10 better ones, all in the JSON file" in lines


def test_scores_of_another_set_with_the_same_name_are_not_overwritten(world, tmp_path):
    run_dir, images, _ = world
    evaluate(run_dir, images, EvaluationOptions())
    other = make_images(tmp_path, 3)
    with pytest.raises(RunError, match="holds the scores of another set called images"):
        evaluate(run_dir, other, EvaluationOptions())


def test_checkpoint_of_another_run_is_refused(world, tmp_path):
    run_dir, images, _ = world
    stranger = tmp_path / "step-000001.pt"
    with pytest.raises(RunError, match="not one of the checkpoints in"):
        evaluate(run_dir, images, EvaluationOptions(checkpoint=stranger))
