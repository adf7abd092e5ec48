"""The demo is a list of commands that exist."""

import json

import pytest
import typer.main

from vsda.cli.app import app
from vsda.cli.demo import run_demo
from vsda.recipes.demo import DemoRecipe
from vsda.recipes.load import load_recipe, recipe_paths
from vsda.resources import resource_dir

STEPS = load_recipe(DemoRecipe, resource_dir("pipelines") / "demo.toml").steps


def test_demo_goes_the_whole_way():
    verbs = [step.command[0] for step in STEPS]
    assert list(dict.fromkeys(verbs)) == [
        "synth",
        "prepare",
        "shards",
        "train",
        "evaluate",
        "report",
    ]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_command_of_a_step_is_accepted(step):
    command, words = typer.main.get_command(app), list(step.command)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    context = command.make_context("vsda", [word.format(out="demo") for word in words])
    if step.command[0] == "train":
        assert context.params["recipe"] in recipe_paths("train")


def test_arms_differ_in_nothing_but_what_they_show():
    """Same start, same batches, same steps: what differs is the augmentation or the loss."""
    from vsda.recipes.train import TrainRecipe

    paths = recipe_paths("train")
    arms = [
        load_recipe(TrainRecipe, paths[f"demo-{name}"]).model_dump()
        for name in ("images", "photometric", "clustered")
    ]
    differing = {key for key in arms[0] for arm in arms if arm[key] != arms[0][key]}
    assert differing == {"description", "augmentation", "adversarial"}


def test_statistics_change_a_trained_network_without_training_it():
    from vsda.recipes.train import TrainRecipe

    recipe = load_recipe(TrainRecipe, recipe_paths("train")["demo-statistics"])
    assert (recipe.statistics, recipe.steps) == ("videos", 0)
    commands = [step.command for step in STEPS if "demo-statistics" in step.command]
    starts = [command[command.index("--init") + 1] for command in commands]
    assert starts == ["{out}/images-only-seed0", "{out}/images-only-seed1"]


def test_steps_run_in_order_and_what_is_there_is_passed_over(tmp_path, capsys):
    (tmp_path / "world").mkdir()
    ran = []
    run_demo(tmp_path, ran.append)
    assert [words[0] for words in ran] == [step.command[0] for step in STEPS[1:]]
    assert ran[0][:4] == ["prepare", "coco", "--root", f"{tmp_path}/world/coco"]
    assert "world is there already" in capsys.readouterr().out


def test_a_failing_step_ends_the_demo(tmp_path):
    def fail(words):
        raise typer.Exit(3)

    with pytest.raises(typer.Exit):
        run_demo(tmp_path, fail)


@pytest.mark.slow
def test_demo_ends_with_the_table_and_the_clustered_arm_ahead_on_video(vsda, tmp_path):
    process = vsda("demo", "--out", tmp_path / "demo", OMP_NUM_THREADS="2")
    assert process.stdout.splitlines()[-1] == f"report: {tmp_path}/demo/report.html"

    def video_score(arm):
        path = tmp_path / "demo" / arm / "evaluation" / "davis-val.json"
        return json.loads(path.read_text())["mean_iou"]

    for seed in (0, 1):
        gain = video_score(f"clustered-seed{seed}") - video_score(f"images-only-seed{seed}")
        assert gain > 0.05
