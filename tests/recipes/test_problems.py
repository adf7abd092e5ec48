"""What is wrong with a recipe is told in its own keys, whatever its network is."""

import re

import pytest

from vsda.errors import RecipeError
from vsda.recipes.demo import DemoRecipe
from vsda.recipes.load import check, load_recipe
from vsda.recipes.train import TrainRecipe

NETWORKS = "swin_upernet, video_swin_upernet, deeplabv3, timm_upernet."


@pytest.fixture
def told(tmp_path):
    """Return what is said of a recipe file with settings laid over it."""

    def tell(text, *overrides):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        with pytest.raises(RecipeError) as caught:
            load_recipe(TrainRecipe, path, overrides)
        return str(caught.value)

    return tell


def test_unknown_key_is_looked_up_in_the_network_that_is_meant(told):
    message = told('[network]\nname = "deeplabv3"\nwidth_per_grup = 8\n')
    assert message.startswith(
        "mine.toml: network.width_per_grup: unknown key of deeplabv3. "
        "Did you mean 'width_per_group'? Known: "
    )
    assert "embed_dim" not in message


def test_unknown_key_of_a_network_without_a_name_is_one_of_the_default(told):
    message = told("[network]\nembed_dimm = 8\n")
    assert "network.embed_dimm: unknown key of swin_upernet. Did you mean 'embed_dim'?" in message


def test_key_of_another_network_says_whose_it_is(told):
    message = told("[network]\nembed_dim = 32\n", "network.name=deeplabv3")
    assert message.startswith(
        "mine.toml: network.embed_dim: a key of swin_upernet and video_swin_upernet, not of "
        "deeplabv3, which the name asks for; change the name and its keys together, in a recipe. "
        "Known: "
    )


def test_unknown_network_is_told_with_the_nearest_and_all_names(told):
    assert told("", "network.name=swin_upernt") == (
        "mine.toml: network.name: unknown name 'swin_upernt'. Did you mean 'swin_upernet'? "
        f"Known: {NETWORKS}"
    )


@pytest.mark.parametrize("setting", ["network=5", "network=swin_upernet"])
def test_network_that_is_no_table_is_told(told, setting):
    value = setting.partition("=")[2]
    shown = value if value.isdigit() else repr(value)
    assert told("", setting) == f"mine.toml: network: got {shown}; expected a table"


def test_wrong_value_inside_a_network_is_told_without_names_of_the_union(told):
    assert told("[network]\ndepths = [2, 2, 0, 2]\n") == (
        "mine.toml: network.depths.2: got 0; Input should be greater than 0"
    )


def test_contradiction_inside_a_network_is_told_under_the_table(told):
    message = told("[network]\ndepths = [2]\n")
    assert message == "mine.toml: network: depths has 1 stages and num_heads 4"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "image_labels=false",
            "nothing is labelled: name images and keep image_labels, or name labelled_videos",
        ),
        (
            "adversarial={fit_tokens=9, clusters=11}",
            "adversarial: fit_tokens is 9 and clusters 11: k-means needs at least as many tokens "
            "as clusters",
        ),
    ],
)
def test_contradiction_of_a_whole_table_is_told_without_its_values(told, setting, message):
    assert told("", setting) == f"mine.toml: {message}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "images=davis-train",
            """images: got 'davis-train'; expected a list, such as ["davis-train"]""",
        ),
        ("adversarial.hidden=3", "adversarial.hidden: got 3; expected a list, such as [3]"),
        ("images={a=1}", "images: got a table; expected a list"),
        ("adversarial=3", "adversarial: got 3; expected a table"),
        ("steps={a=1}", "steps: got a table; Input should be a valid integer"),
    ],
)
def test_list_or_table_that_is_none_is_told_in_words(told, setting, message):
    assert told("", setting) == f"mine.toml: {message}"


def test_long_value_is_cut(told):
    assert len(told("", f"images={'x' * 1_000}")) < 300


def test_value_of_one_of_several_types_is_one_sentence(told):
    assert told("", "adversarial.clusters=clases") == (
        "mine.toml: adversarial.clusters: got 'clases'; Input should be a valid integer, or Input "
        "should be 'classes' or 'classes+background'"
    )


def test_value_of_an_option_is_told_by_its_name(told):
    message = told('[network]\nname = "timm_upernet"\noptions = {pad_type = [1]}\n')
    assert message.startswith("mine.toml: network.options.pad_type: got (1,); Input should be")
    assert message.count("network.options.pad_type") == 1


def test_every_wrong_key_has_its_sentence(told):
    message = told("", "stepz=1", "adversarial.muu=2", "seed=-1")
    keys = re.findall(r"mine\.toml: (\S+):", message)
    assert sorted(keys) == ["adversarial.muu", "seed", "stepz"]


def test_key_inside_a_list_of_tables_is_told_by_its_place():
    steps = [{"title": "a", "command": ["x"]}, {"titel": "b", "command": ["x"]}]
    with pytest.raises(RecipeError) as caught:
        check(DemoRecipe, {"steps": steps}, "demo.toml")
    assert "demo.toml: steps.1.title: this key is required" in str(caught.value)
    assert "steps.1.titel: unknown key. Did you mean 'title'?" in str(caught.value)
