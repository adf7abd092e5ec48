"""`--small` lies between the recipe and `--set`, and says that it was there."""

import pytest

from vsda.errors import RecipeError
from vsda.recipes.load import recipe_paths
from vsda.recipes.networks import DeepLabv3Settings, TimmUperNetSettings
from vsda.recipes.small import load_train_recipe
from vsda.recipes.train import TrainRecipe


def test_every_network_has_a_small_form():
    names = TrainRecipe.model_fields["network"].annotation.__args__
    assert len(recipe_paths("small")) == len(names)


def test_small_form_keeps_what_the_recipe_is_about():
    full = load_train_recipe("cnn-global")
    small = load_train_recipe("cnn-global", small=True)
    assert small.adversarial.placement == full.adversarial.placement == "global"
    assert (small.images, small.videos, small.classes) == (full.images, full.videos, full.classes)
    assert small.optimizer == full.optimizer


def test_small_form_is_that_of_the_recipes_network():
    small = load_train_recipe("cnn-images", small=True)
    assert isinstance(small.network, DeepLabv3Settings)
    assert small.network.depths == (1, 1, 1, 1)


def test_setting_wins_over_the_small_form():
    small = load_train_recipe("swin-patch", ["steps=3", "network.embed_dim=48"], small=True)
    assert (small.steps, small.network.embed_dim, small.size_px) == (3, 48, 64)


def test_network_that_is_set_has_its_own_small_form():
    small = load_train_recipe("swin-images", ["network.name=timm_upernet"], small=True)
    assert isinstance(small.network, TimmUperNetSettings)
    assert small.network.backbone == "convnext_atto"


def test_small_form_starts_from_random_weights():
    assert load_train_recipe("swin-patch").init.weights
    assert load_train_recipe("swin-patch", small=True).init.weights == ""


def test_description_says_that_the_recipe_is_small():
    full, small = (load_train_recipe("swin-patch", small=flag) for flag in (False, True))
    assert small.description == (
        f"{full.description} (small: says nothing about the network's quality)"
    )


def test_unknown_network_is_told(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[network]\nname = "unet"\n')
    with pytest.raises(RecipeError, match=r"network\.name 'unet' has no small form; known"):
        load_train_recipe(str(path), small=True)


@pytest.mark.parametrize("table", ["network", "adversarial", "init"])
def test_small_form_does_not_hide_a_value_where_a_table_belongs(tmp_path, table):
    path = tmp_path / "mine.toml"
    path.write_text(f"{table} = 3\n")
    with pytest.raises(RecipeError, match=rf"mine\.toml: {table}: got 3; expected a table"):
        load_train_recipe(str(path), small=True)
    with pytest.raises(RecipeError, match=f": {table}: got 3; expected a table"):
        load_train_recipe("swin-patch", [f"{table}=3"], small=True)


def test_name_of_a_network_that_is_a_list_has_no_small_form():
    with pytest.raises(RecipeError, match=r"network\.name \[1\] has no small form"):
        load_train_recipe("swin-patch", ["network.name=[1]"], small=True)


def test_dotted_keys_lists_and_tables_can_be_set():
    recipe = load_train_recipe(
        "swin-images",
        [
            "network.name=timm_upernet",
            'network.options={pad_type="same"}',
            "network.options.output_stride=16",
            "network.stages=[0, 1, 2, 3]",
            "labelled_videos=['davis-train']",
            "adversarial.clusters=11",
            "init.weights=",
        ],
    )
    assert recipe.network.options == {"pad_type": "same", "output_stride": 16}
    assert recipe.network.stages == (0, 1, 2, 3)
    assert recipe.labelled_videos == ("davis-train",)
    assert (recipe.adversarial.clusters, recipe.init.weights) == (11, "")
