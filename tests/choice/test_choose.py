"""Checkpoints of runs, chosen with and without labels."""

import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tests.made_runs import make_run
from tests.made_sets import make_images, make_sample, make_set
from tests.stream.made_clips import frames, opened, stills
from tests.training.small import small_recipe
from vsda.choice.choose import ChoiceOptions, Row, best, choose, rank_correlation
from vsda.cli.choose import choose as command
from vsda.errors import RunError, ShardError, UnknownNameError, UsageError
from vsda.evaluation.evaluate import evaluate
from vsda.evaluation.options import EvaluationOptions
from vsda.training.inputs import open_inputs
from vsda.training.run import RunOptions, train

CRITERIA = ("entropy", "infomax", "snd", "agreement")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run with four checkpoints, and its set."""
    folder = tmp_path_factory.mktemp("choice")
    images = make_images(folder / "shards", 9)
    fast = {"name": "adamw", "learning_rate": 0.01, "schedule": "constant"}
    recipe = small_recipe(
        optimizer=fast,
        steps=16,
        keep_checkpoints=9,
        images=(str(folder / "shards" / "images"),),
    )
    train(recipe, open_inputs(recipe), RunOptions(run_dir=folder / "run"))
    return folder / "run", images


def row(mean_iou=None, **values):
    values = dict.fromkeys(CRITERIA, 0.0) | values
    return Row(run="run", checkpoint="c", step=1, values=values, mean_iou=mean_iou)


def test_all_checkpoints_are_candidates_and_labels_are_not_read(world, tmp_path):
    run_dir, _ = world
    samples = [make_sample(i, size_px=32, sequence="clip") for i in range(4)]
    bare = make_set(tmp_path, "bare", [replace(one, seg=None) for one in samples])
    found = choose([run_dir], bare, ChoiceOptions())
    assert [each["step"] for each in found["candidates"]] == [4, 8, 12, 16]
    assert found["choices"].keys() == set(CRITERIA)
    assert found["chosen"] == found["choices"]["agreement"]["checkpoint"]
    assert not found["uses_target_labels"]
    assert "oracle" not in found
    assert {each["mean_iou"] for each in found["candidates"]} == {None}


def test_labels_change_no_choice_and_show_the_oracle(world):
    run_dir, images = world
    without = choose([run_dir], images, ChoiceOptions())
    found = choose([run_dir], images, ChoiceOptions(use_labels=True))
    assert [each["values"] for each in found["candidates"]] == [
        each["values"] for each in without["candidates"]
    ]
    assert found["chosen"] == without["chosen"]
    assert found["oracle"]["uses_target_labels"]
    assert found["oracle"]["mean_iou"] == max(each["mean_iou"] for each in found["candidates"])
    assert found["rank_correlation"].keys() == set(CRITERIA)


def test_the_true_mean_iou_is_that_of_evaluate(world):
    run_dir, images = world
    found = choose([run_dir], images, ChoiceOptions(use_labels=True))
    scores = evaluate(run_dir, images, EvaluationOptions(metrics=frozenset()))
    assert found["candidates"][-1]["mean_iou"] == pytest.approx(scores["mean_iou"])


def test_frames_are_looked_at_up_to_a_number(world):
    run_dir, images = world
    assert choose([run_dir], images, ChoiceOptions(num_frames=4))["num_frames"] == 4


def test_networks_of_pictures_and_of_clips_are_compared_on_the_same_pixels(world, tmp_path):
    run_dir, _ = world
    make_run(tmp_path / "clips", "video_swin_upernet")
    videos = opened(tmp_path, frames("bear", 6), [*frames("cows", 3), *stills(1)]).shard_set
    found = choose([tmp_path / "clips", run_dir], videos, ChoiceOptions(num_points=50))
    assert len(found["candidates"]) == 5
    assert all(np.isfinite(list(each["values"].values())).all() for each in found["candidates"])


def test_runs_of_other_classes_are_refused(world, tmp_path):
    run_dir, images = world
    make_run(tmp_path / "other", classes="person,car")
    with pytest.raises(UsageError, match="choose among runs with the same classes"):
        choose([run_dir, tmp_path / "other"], images, ChoiceOptions())


def test_what_cannot_be_chosen_from_is_told(world, tmp_path):
    run_dir, images = world
    with pytest.raises(RunError, match="no checkpoint; is it a run folder"):
        choose([tmp_path], images, ChoiceOptions())
    sample = replace(make_sample(0, size_px=32, sequence="clip"), seg=None)
    bare = make_set(tmp_path, "bare", [sample])
    with pytest.raises(ShardError, match=r"has no seg\.png"):
        choose([run_dir], bare, ChoiceOptions(use_labels=True))


def test_low_entropy_and_high_density_are_chosen():
    rows = [row(entropy=0.2, snd=1.0), row(entropy=0.1, snd=2.0), row(entropy=0.3, snd=3.0)]
    assert best(rows, "entropy") is rows[1]
    assert best(rows, "snd") is rows[2]
    assert best(rows, "infomax") is rows[0]  # of equals the first


def test_rank_correlation_is_one_where_a_criterion_sorts_as_labels_do():
    rows = [row(0.1, entropy=0.9, snd=1.0), row(0.2, entropy=0.5, snd=3.0), row(0.7, snd=2.0)]
    assert rank_correlation(rows, "entropy") == pytest.approx(1)
    assert rank_correlation(rows, "snd") == pytest.approx(0.5)
    assert rank_correlation(rows, "infomax") is None
    assert rank_correlation(rows[:2], "snd") is None


def test_the_command_prints_the_candidates_and_marks_the_oracle(world):
    run_dir, images = world
    place = f"{images.folder}/{images.index.name}"
    app = typer.Typer()
    app.command()(command)
    run = CliRunner().invoke
    shown = run(app, [str(run_dir), place, "--labels", "--by", "snd"]).stdout
    assert "mean IoU (target labels)" in shown
    assert "oracle, which uses target labels: run step-" in shown
    found = json.loads(run(app, [str(run_dir), place, "--json", "--by", "snd"]).stdout)
    assert f"chosen by snd: {found['chosen']}" in shown
    assert isinstance(run(app, [str(run_dir), place, "--by", "sdn"]).exception, UnknownNameError)
    assert isinstance(run(app, [str(run_dir), place, place + "2"]).exception, UsageError)
