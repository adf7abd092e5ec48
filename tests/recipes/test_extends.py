"""A recipe over another: what is merged, what is replaced, and what cannot be."""

import pytest

from vsda.errors import RecipeError
from vsda.recipes.extends import laid_over, read_extended
from vsda.recipes.load import find_recipe, load_recipe
from vsda.recipes.small import load_train_recipe
from vsda.recipes.train import TrainRecipe


def write(folder, **recipes):
    """Write recipes by name; return the last one's path."""
    for name, text in recipes.items():
        path = folder / f"{name}.toml"
        path.write_text(text)
    return path


def test_tables_are_merged_and_all_else_is_replaced():
    under = {"a": 1, "list": [1, 2], "table": {"x": 1, "deep": {"y": 1, "z": 1}}}
    over = {"list": [3], "table": {"deep": {"y": 2}}, "new": {"b": 1}}
    assert laid_over(under, over) == {
        "a": 1,
        "list": [3],
        "table": {"x": 1, "deep": {"y": 2, "z": 1}},
        "new": {"b": 1},
    }


def test_neither_side_of_a_merge_is_changed():
    under, over = {"table": {"x": 1}}, {"table": {"y": 2}}
    laid_over(under, over)
    assert (under, over) == ({"table": {"x": 1}}, {"table": {"y": 2}})


def test_recipe_extends_a_neighbour_by_its_name(tmp_path):
    path = write(
        tmp_path,
        base='steps = 7\nseed = 3\n[adversarial]\nloss = "domain"\nmu = 0.5\n',
        mine='extends = "base"\nsteps = 9\n[adversarial]\nmu = 0.25\n',
    )
    recipe = load_recipe(TrainRecipe, path)
    assert (recipe.steps, recipe.seed) == (9, 3)
    assert (recipe.adversarial.loss, recipe.adversarial.mu) == ("domain", 0.25)


def test_chain_is_followed_to_its_end(tmp_path):
    path = write(
        tmp_path,
        far="steps = 1\nseed = 1\nworkers = 1\n",
        near='extends = "far"\nsteps = 2\nseed = 2\n',
        mine='extends = "near"\nsteps = 3\n',
    )
    values, extended = read_extended(path, {})
    assert values == {"steps": 3, "seed": 2, "workers": 1}
    assert [file.stem for file in extended] == ["near", "far"]


def test_file_of_a_user_extends_a_recipe_of_vsda(tmp_path):
    path = write(tmp_path, mine='extends = "swin-patch-clustered"\nsteps = 9\n')
    recipe = load_train_recipe(str(path))
    assert (recipe.steps, recipe.adversarial.loss) == (9, "clustered")
    assert recipe.init.weights == "upernet-swin-t-ade20k"


def test_neighbour_comes_before_the_recipe_of_vsda_of_its_name(tmp_path):
    write(tmp_path, **{"swin-patch": "steps = 5\n"})
    path = write(tmp_path, mine='extends = "swin-patch"\n')
    assert load_train_recipe(str(path)).adversarial.loss == "none"


def test_file_may_extend_the_recipe_of_vsda_of_its_own_name(tmp_path):
    path = write(tmp_path, **{"swin-patch": 'extends = "swin-patch"\nsteps = 5\n'})
    recipe = load_train_recipe(str(path))
    assert (recipe.steps, recipe.adversarial.loss) == (5, "domain")


def test_path_is_relative_to_the_file_that_extends(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", base='extends = "beside"\nseed = 4\n', beside="steps = 6\n")
    path = write(tmp_path, mine='extends = "other/base.toml"\n')
    monkeypatch.chdir("/")
    recipe = load_recipe(TrainRecipe, path)
    assert (recipe.steps, recipe.seed) == (6, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "bsae"\n', r"mine\.toml: extends: unknown recipe 'bsae'\. Did you mean 'base'"),
        (
            'extends = "no/such.toml"\n',
            r"mine\.toml: extends: no such recipe file: .*no/such\.toml",
        ),
        ('extends = "mine"\n', r"extends: goes in a circle, mine\.toml -> mine\.toml"),
        ('extends = "back"\n', r"in a circle, mine\.toml -> back\.toml -> mine\.toml"),
        ("extends = 3\n", "mine.toml: extends: got 3; expected the name of one recipe"),
        ('extends = ["base"]\n', "extends: got .*base.*; expected the name of one recipe"),
        ('extends = "broken"\n', r"broken\.toml: not TOML"),
        ('extends = "typo"\n', r"mine\.toml \(over typo\.toml\): stepz: unknown key"),
    ],
)
def test_what_cannot_be_extended_is_told(tmp_path, text, message):
    path = write(
        tmp_path,
        base="",
        back='extends = "mine"\n',
        broken="steps: 3",
        typo="stepz = 3\n",
        mine=text,
    )
    with pytest.raises(RecipeError, match=message):
        load_recipe(TrainRecipe, path)


def test_file_that_is_not_text_is_told(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match=r"mine\.toml: not TOML"):
        load_recipe(TrainRecipe, path)


def test_resolved_recipe_knows_nothing_of_what_it_extends():
    recipe = load_recipe(TrainRecipe, find_recipe("train", "swin-patch-clustered"))
    assert TrainRecipe.model_validate(recipe.model_dump()) == recipe
    assert "extends" not in recipe.model_dump()
