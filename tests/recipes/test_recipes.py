"""Every recipe loads, and a wrong one is told."""

import pytest

from vsda.errors import RecipeError, UnknownNameError
from vsda.recipes.data import DataRecipe
from vsda.recipes.load import find_recipe, load_recipe, recipe_paths
from vsda.recipes.train import TrainRecipe
from vsda.taxonomy import class_set

TRAIN = recipe_paths("train")
DATA = recipe_paths("data")


def test_there_are_recipes():
    assert {"swin-images", "swin-patch", "swin-patch-clustered"} <= TRAIN.keys()
    assert {"davis", "coco"} <= DATA.keys()


@pytest.mark.parametrize("name", TRAIN)
def test_train_recipe_loads_and_its_classes_exist(name):
    recipe = load_recipe(TrainRecipe, TRAIN[name])
    assert recipe.description
    assert len(class_set(recipe.classes))


@pytest.mark.parametrize("name", DATA)
def test_data_recipe_loads_and_names_its_dataset(name):
    assert load_recipe(DataRecipe, DATA[name]).dataset == name


def test_settings_are_laid_over_the_recipe():
    recipe = load_recipe(
        TrainRecipe, TRAIN["swin-patch"], ["steps=20", "adversarial.mu=0.5", "videos=['a', 'b']"]
    )
    assert (recipe.steps, recipe.adversarial.mu, recipe.videos) == (20, 0.5, ("a", "b"))
    assert recipe.adversarial.loss == "domain"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stepz=3", "stepz: unknown key. Did you mean 'steps'"),
        ("adversarial.muu=1", "adversarial.muu: unknown key. Did you mean 'mu'"),
        ("steps=-1", "steps: got -1; Input should be greater than or equal to 0"),
        ("steps=many", "steps: got 'many'; Input should be a valid integer"),
        ("adversarial.loss=clusters", "Input should be 'none', 'domain' or 'clustered'"),
        ("network.depths=[2]", "depths has 1 stages and num_heads 4"),
        ("steps.more=1", "'steps' is a value, not a table"),
        ("steps", "expected KEY=VALUE"),
        ("seed=9223372036854775808", "seed: got .*; Input should be less than 9223372036854775808"),
        ("steps=1000000001", "steps: got .*; Input should be less than or equal to 1000000000"),
        ("workers=1025", "workers: got 1025; Input should be less than or equal to 1024"),
        ("network.decoder_channels=99999", "decoder_channels: got 99999; .* or equal to 16384"),
        (
            "adversarial.kmeans_iterations=1001",
            "iterations: got 1001; .* less than or equal to 1000",
        ),
        ("adversarial.mu=inf", "adversarial.mu: got inf; Input should be a finite number"),
        ("adversarial.mu=nan", "adversarial.mu: got nan; Input should be a finite number"),
        ("network.depths=[]", "network.depths: got .*; Tuple should have at least 1 item"),
        (f"steps={'9' * 5000}", "steps: got '9999*"),
        (
            f"images={'[' * 100}{']' * 100}",
            "images=.*: tables or lists lie in each other more than",
        ),
        (f"images={'[' * 5000}{']' * 5000}", "images: got '.*; expected a list"),
        (
            f"{'a.' * 5000}a=1",
            "--set a.a.a.*: tables or lists lie in each other more than 20 times",
        ),
    ],
)
def test_wrong_setting_is_told(tmp_path, override, message):
    path = tmp_path / "mine.toml"
    path.write_text("steps = 5\n")
    with pytest.raises(RecipeError, match=message.replace("[", r"\[")):
        load_recipe(TrainRecipe, path, [override])


def test_largest_seed_is_one_of_63_bits():
    recipe = load_recipe(TrainRecipe, TRAIN["swin-patch"], [f"seed={2**63 - 1}"])
    assert recipe.seed == 2**63 - 1


def test_file_may_start_with_a_mark_of_its_encoding(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("steps = 5\n", encoding="utf-8-sig")
    assert load_recipe(TrainRecipe, path).steps == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"images = {'[' * 5000}{']' * 5000}\n", "lie in each other more than 20 times"),
        (f"images = {'[' * 50}{']' * 50}\n", "lie in each other more than 20 times"),
        (f"{'a.' * 5000}a = 1\n", "lie in each other more than 20 times"),
        (f"steps = {'9' * 5000}\n", "not TOML: .*digits"),
    ],
)
def test_file_that_goes_too_far_is_told(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=rf"mine\.toml: .*{message}"):
        load_recipe(TrainRecipe, path)


def test_file_that_is_not_toml_is_told(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("steps: 5\n")
    with pytest.raises(RecipeError, match=r"mine\.toml: not TOML"):
        load_recipe(TrainRecipe, path)


def test_unknown_recipe_is_told_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'swin-patch'"):
        find_recipe("train", "swin-pach")


def test_recipe_may_be_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("")
    assert find_recipe("train", str(path)) == path
    with pytest.raises(RecipeError, match="no such recipe file"):
        find_recipe("train", str(tmp_path / "other.toml"))


def test_data_recipe_comes_between_the_command_line_and_the_defaults(monkeypatch, tmp_path):
    from vsda.cli.prepare import resolve_options

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "davis.toml").write_text(
        'dataset = "davis"\noutside = "ignore"\nshard_mb = 7\n'
    )
    monkeypatch.setattr("vsda.recipes.load.resource_dir", lambda _: tmp_path)
    options = resolve_options("davis", {"shard_mb": 9, "split": None})
    assert (options.shard_mb, options.outside, options.split) == (9, "ignore", "all")
