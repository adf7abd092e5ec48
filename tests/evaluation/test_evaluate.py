"""A run judged on a set."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix as reference

from tests.made_runs import make_run
from tests.made_sets import make_images, make_sample, make_set, make_videos
from tests.training.small import small_recipe
from vsda.errors import RecipeError, RunError, ShardError, UsageError
from vsda.evaluation.attributes import read_attributes
from vsda.evaluation.evaluate import evaluate, evaluate_all
from vsda.evaluation.judge import Judge
from vsda.evaluation.options import EvaluationOptions
from vsda.evaluation.predict import predict_set
from vsda.evaluation.scores import set_scores
from vsda.evaluation.similarity import boundary_accuracy, region_similarity
from vsda.evaluation.table import score_table
from vsda.evaluation.tally import merged
from vsda.evaluation.trained import open_run
from vsda.shards.read import RandomAccessShards, iterate_samples
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


def test_saved_masks_give_the_same_numbers_to_another_program(world, tmp_path):
    run_dir, images, videos = world
    options = EvaluationOptions(masks_dir=tmp_path)
    for shard_set, folder in ((images, "images"), (videos, "clip")):
        scores = evaluate(run_dir, shard_set, options)
        pairs = []
        for sample in iterate_samples(shard_set):
            png = tmp_path / "run" / shard_set.index.name / folder / f"{sample.facts.frame}.png"
            with Image.open(png) as picture:
                assert picture.mode == "P"
                pairs.append((sample.seg.ravel(), np.asarray(picture).ravel()))
        truth, predicted = map(np.concatenate, zip(*pairs, strict=True))
        assert scores["confusion"] == reference(truth, predicted, labels=[0, 1, 18]).tolist()


def test_processes_that_share_a_set_count_what_one_counts(world, monkeypatch):
    """Sequences here; the processes themselves are those of the slow test of ranks."""
    run_dir, images, videos = world
    monkeypatch.setattr("vsda.evaluation.share._PART_FRAMES", 1)
    for shard_set in (images, videos):
        judge = Judge(run_dir, open_run(run_dir), shard_set, EvaluationOptions(pictures=3))
        names, scores = ("background", "person", "dog"), []
        for world_size in (1, 3):
            shares = [judge.share(rank, world_size) for rank in range(world_size)]
            tally = merged(share.tally for share in shares)
            scores.append((set_scores(tally, names, {}), sum(len(one.pictures) for one in shares)))
        assert scores[0] == scores[1]
        assert scores[0][1] == 3


def test_j_and_f_are_those_of_the_masks(world):
    run_dir, _, videos = world
    scores = evaluate(run_dir, videos, EvaluationOptions())
    frames = list(predict_set(open_run(run_dir), RandomAccessShards(videos), range(5), "cpu"))
    means = {
        measure.__name__: np.mean(
            [measure(one.truth == index, one.predicted == index) for one in frames]
        )
        for index in (1,)
        for measure in (region_similarity, boundary_accuracy)
    }
    found = scores["davis"]
    assert found["num_objects"] == 2
    person = found["by_class"]["person"]
    assert person["j_mean"] == pytest.approx(means["region_similarity"])
    assert person["f_mean"] == pytest.approx(means["boundary_accuracy"])
    both = [found["by_class"][name]["j_and_f"] for name in ("person", "dog")]
    assert found["j_and_f"] == pytest.approx(np.mean(both))
    assert scores["videos"]["clip"]["davis"]["j_and_f"] == found["j_and_f"]


def test_a_class_that_only_the_prediction_has_is_no_object(world, tmp_path):
    run_dir, *_ = world
    persons = [make_sample(2 * i, size_px=32, sequence="clip") for i in range(3)]
    scores = evaluate(run_dir, make_set(tmp_path, "person-video", persons), EvaluationOptions())
    assert scores["davis"]["num_objects"] == 1
    assert scores["davis"]["by_class"]["dog"]["j_mean"] is None


def test_only_what_is_asked_for_is_computed(world):
    run_dir, _, videos = world
    scores = evaluate(run_dir, videos, EvaluationOptions(metrics=frozenset()))
    assert "davis" not in scores
    assert "stability" not in scores["videos"]["clip"]
    assert "J and F" not in score_table(scores)


def test_stability_is_told_of_neighbours_in_videos(world):
    run_dir, images, videos = world
    found = evaluate(run_dir, videos, EvaluationOptions())["stability"]
    assert found["num_pairs"] == 4
    assert 0 <= found["flicker"] <= 1
    assert evaluate(run_dir, images, EvaluationOptions())["stability"] is None


def test_scores_by_attribute(world, tmp_path):
    run_dir, _, videos = world
    table = tmp_path / "attributes.csv"
    table.write_text("sequence,attribute\nclip,dark\nclip,fast\nelsewhere,fast\nelsewhere,far\n")
    options = EvaluationOptions(attributes=read_attributes(table))
    scores = evaluate(run_dir, videos, options)
    assert scores["attributes"].keys() == {"dark", "fast"}
    assert scores["attributes"]["dark"]["mean_iou"] == scores["mean_iou"]
    assert scores["attributes"]["dark"]["num_videos"] == 1
    assert "dark" in score_table(scores)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,attribute\nclip,dark\n", r":1: expected the columns sequence and attribute"),
        ("sequence,attribute\nclip,dark\nclip\n", r":3: expected a sequence and an attribute"),
    ],
)
def test_attributes_without_sense_are_refused(tmp_path, text, message):
    path = tmp_path / "attributes.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_attributes(path)
    with pytest.raises(UsageError, match="cannot be read as text"):
        read_attributes(tmp_path / "none.csv")


def test_intervals_hold_the_mean_and_are_over_images_where_there_are_no_videos(world):
    run_dir, images, videos = world
    scores = evaluate(run_dir, images, EvaluationOptions())
    low, high = scores["interval"]
    assert low < scores["mean_iou"] < high
    assert scores["num_units"] == 13
    assert evaluate(run_dir, videos, EvaluationOptions())["interval"] is None  # one video


def test_runs_side_by_side_and_the_domain_gap(world, tmp_path):
    run_dir, images, videos = world
    other = tmp_path / "other"
    make_run(other)
    first, gap, second, _ = evaluate_all([run_dir, other], [images, videos], EvaluationOptions())
    assert "difference" not in first
    found = second["difference"]
    assert found["to"] == run_dir.name
    assert found["mean_iou"] == pytest.approx(second["mean_iou"] - first["mean_iou"])
    assert found["interval"][0] <= found["mean_iou"] <= found["interval"][1]
    (gap,) = gap["gaps"]
    assert gap["from"] == "images"
    assert gap["of"] == first["mean_iou"]
    assert gap["mean_iou"] == pytest.approx(gap["of"] - gap["to_mean_iou"])


def test_a_run_does_not_differ_from_itself(world):
    run_dir, images, _ = world
    (_, again) = evaluate_all([run_dir, run_dir], [images], EvaluationOptions())
    verdict = again.get("difference")
    assert verdict["mean_iou"] == 0
    assert verdict["interval"] == [0, 0]


def test_the_best_checkpoint_may_have_been_chosen_by_target_labels(world, tmp_path):
    _, images, _ = world
    run_dir = tmp_path / "run"
    make_run(run_dir, score=0.5)
    best = EvaluationOptions(checkpoint="best", metrics=frozenset())
    assert not evaluate(run_dir, images, best)["uses_target_labels"]
    record = {"validation": {"sets": ["videos"], "uses_target_labels": True}}
    (run_dir / "provenance.json").write_text(json.dumps(record))
    assert evaluate(run_dir, images, best)["uses_target_labels"]
    assert not evaluate(run_dir, images, EvaluationOptions())["uses_target_labels"]


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
