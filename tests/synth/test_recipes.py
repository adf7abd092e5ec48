"""Made-up worlds as the recipes of pipelines/worlds/ describe them."""

from vsda.recipes.worlds import WorldRecipe
from vsda.synth import styles
from vsda.tables.worlds import open_world


def world(data, **options):
    recipe = WorldRecipe(parts={"main": options}, sets={"videos": "main/davis-train"})
    return open_world("own", recipe, data)


def test_classes_of_a_recipe_are_read_and_make_another_world(tmp_path):
    plain = world(tmp_path)
    shifted = world(tmp_path, image_classes=["dog", "car"], video_classes=["dog"])
    assert shifted.parts["main"].image_classes == ("dog", "car")
    assert shifted.parts["main"].video_classes == ("dog",)
    assert shifted.folder("main") != plain.folder("main")


def test_joined_styles_are_read(tmp_path):
    assert world(tmp_path, style="gain+blur").identity("videos")


def test_a_style_whose_settings_were_changed_makes_another_world(tmp_path, monkeypatch):
    before = world(tmp_path, style="blur").folder("main")
    changed = dict(styles.styles())
    changed["blur"] = changed["blur"].at(0.9)
    monkeypatch.setattr(styles, "styles", lambda: changed)
    assert world(tmp_path, style="blur").folder("main") != before
