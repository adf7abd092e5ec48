"""A table is checked as a whole before anything runs."""

import pytest

from tests.tables.making import HEAD, ROWS, write_table_file
from vsda.errors import RecipeError, UnknownNameError
from vsda.tables.load import load_table, load_world


def load(folder, **parts):
    return load_table(str(write_table_file(folder, **parts)))


def test_a_table_has_its_rows_and_claims(tmp_path):
    table = load(tmp_path)
    assert list(table.rows) == ["first", "plain", "clustered"]
    assert [claim.kind for claim in table.claims] == ["more", "alike"]
    assert [claim.on for claim in table.claims] == ["videos", "images"]
    assert table.baseline("clustered") == "plain"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"head": HEAD.replace("[0, 1]", "[0, 0]")}, "seeds: seed 0 stands there twice"),
        ({"head": HEAD.replace("[0, 1]", "[]")}, "seeds: got"),
        ({"head": HEAD.replace('"plain"', '"plian"')}, "source: unknown row 'plian'. Did you mean"),
        ({"head": HEAD + 'ceiling = "first"\n'}, "ceiling: unknown row 'first'"),
        ({"head": HEAD + 'paper = "9"\n'}, "paper: no table '9'"),
        ({"head": HEAD + "set = { seed = 3 }\n"}, "seed is given by `seeds`"),
        ({"head": HEAD + "sedes = 3\n"}, "sedes: unknown key. Did you mean 'seeds'"),
        ({"rows": ROWS + ROWS}, "rows: row 'first' stands there twice"),
        ({"rows": ROWS.replace('start = "first"', 'start = "fist"')}, "start: unknown row 'fist'"),
        ({"rows": ROWS.replace('start = "first"', 'start = "plain"')}, "goes in a circle"),
        ({"rows": ROWS + "published = { video = 3.0 }\n"}, "published: unknown set 'video'"),
        ({"rows": ROWS + 'worlds = ["sinth"]\n'}, "worlds: unknown world 'sinth'"),
        ({"rows": ROWS.replace('"clustered"', '"../up"')}, "rows.2.name: got '../up'"),
        ({"claims": '[[claims]]\nsays = "clusterd > plain"\n'}, "unknown row 'clusterd'. Did you"),
        ({"claims": '[[claims]]\nsays = "plain > first"\n'}, "unknown row 'first'"),
        ({"claims": '[[claims]]\nsays = "plain>first"\n'}, "with spaces around the sign"),
        (
            {"claims": '[[claims]]\nsays = "clustered > plain"\non = "video"\n'},
            "unknown set 'video'. Did you mean 'videos'",
        ),
    ],
)
def test_what_does_not_hold_together_is_told(tmp_path, parts, message):
    with pytest.raises(RecipeError) as error:
        load(tmp_path, **parts)
    assert message in str(error.value)
    assert "table.toml" in str(error.value)


def test_unknown_tables_and_worlds_are_told(tmp_path):
    with pytest.raises(UnknownNameError, match=r"'11'. Did you mean '1'"):
        load_table("11")
    with pytest.raises(UnknownNameError, match=r"world 'sinth'. Did you mean 'synth'"):
        load_world("sinth", tmp_path / "table.toml")


def test_a_world_beside_the_table_comes_first(tmp_path):
    (tmp_path / "worlds").mkdir()
    (tmp_path / "worlds" / "synth.toml").write_text('description = "own"')
    assert load_world("synth", tmp_path / "table.toml").description == "own"
