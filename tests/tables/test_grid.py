"""Rows times worlds times seeds."""

from pathlib import Path

import pytest

from tests.tables.making import HEAD, ROWS, grid_of, write_table_file
from vsda.errors import RecipeError

OUT = Path("out")


def by_name(grid):
    return {cell.name: cell for cell in grid.cells}


def write_world(folder, name, text):
    (folder / "worlds").mkdir(exist_ok=True)
    (folder / "worlds" / f"{name}.toml").write_text(text)


def test_every_row_has_every_seed_and_comes_after_its_start(tmp_path):
    cells = by_name(grid_of(write_table_file(tmp_path), OUT))
    assert list(cells) == ["first/0", "plain/0", "plain/1", "clustered/0", "clustered/1"]
    assert cells["clustered/1"].start is cells["first/0"]
    assert cells["clustered/1"].recipe.init.weights == str(OUT / "first" / "seed-0")
    assert cells["clustered/1"].recipe.seed == 1
    assert cells["clustered/1"].run_dir == OUT / "clustered" / "seed-1"
    assert (cells["first/0"].judged_on, cells["first/0"].start) == ({}, None)


def test_a_start_with_the_same_seed_wins_over_none_alike(tmp_path):
    rows = ROWS.replace("seeds = [0]", "seeds = [0, 1]")
    cells = by_name(grid_of(write_table_file(tmp_path, rows=rows), OUT))
    assert cells["plain/1"].start is cells["first/1"]
    with pytest.raises(RecipeError, match="start 'first': seed: it has 0, 1 and not 5"):
        grid_of(write_table_file(tmp_path, rows=rows), OUT, seeds=(5,))


def test_settings_lie_one_over_another(tmp_path):
    write_world(tmp_path, "own", "[set]\nsteps = 11\nsize_px = 32\nbatch_images = 3")
    head = HEAD + 'worlds = ["own"]\nset = { steps = 12, batch_images = 5 }\n'
    rows = ROWS + "set = { batch_images = 6, optimizer = { learning_rate = 0.5 } }\n"
    path = write_table_file(tmp_path, head=head, rows=rows)
    cells = by_name(grid_of(path, OUT, overrides=("log_every=7",)))
    plain, last = cells["plain/0"].recipe, cells["clustered/0"].recipe
    assert (plain.steps, plain.size_px, plain.batch_images, plain.log_every) == (12, 32, 5, 7)
    assert (last.steps, last.batch_images, last.optimizer.learning_rate) == (12, 6, 0.5)
    assert by_name(grid_of(path, OUT, overrides=("steps=2",)))["clustered/0"].recipe.steps == 2


def test_several_worlds_are_several_cells_and_a_start_may_serve_all(tmp_path):
    for name in ("dark", "grey"):
        write_world(tmp_path, name, f'description = "{name}"')
    head = HEAD + 'worlds = ["dark", "grey"]\n'
    rows = ROWS.replace("seeds = [0]", 'seeds = [0]\nworlds = ["grey"]')
    cells = by_name(grid_of(write_table_file(tmp_path, head=head, rows=rows), OUT))
    assert len(cells) == 9
    assert cells["dark/plain/1"].start is cells["grey/first/0"]
    assert cells["dark/plain/1"].run_dir == OUT / "dark" / "plain" / "seed-1"


def test_a_world_puts_a_stage_before_rows_without_a_start(tmp_path):
    write_world(tmp_path, "own", "[pretrain]\nsteps = 99")
    head = HEAD + 'worlds = ["own"]\n'
    rows = ROWS.replace('start = "first"\n', "", 1)
    cells = by_name(grid_of(write_table_file(tmp_path, head=head, rows=rows), OUT))
    assert cells["plain/1"].start is cells["plain.pretrain/1"]
    assert cells["plain.pretrain/1"].recipe.steps == 99
    assert cells["plain/1"].recipe.steps == 6
    assert cells["clustered/1"].start is cells["first/0"]
    assert cells["first/0"].start is cells["plain.pretrain/0"]
    head = head.replace('source = "plain"\n', "")
    path = write_table_file(tmp_path, head=head, rows=rows)
    with pytest.raises(RecipeError, match="is compared with no row"):
        grid_of(path, OUT)


def test_a_fingerprint_is_of_what_decides_the_weights(tmp_path):
    path = write_table_file(tmp_path)
    plain = by_name(grid_of(path, OUT))["plain/0"].fingerprint

    def changed(**asked):
        return by_name(grid_of(path, OUT, **asked))["plain/0"].fingerprint != plain

    assert not changed(data=Path("elsewhere"))
    assert not changed(overrides=("log_every=3", "workers=1", "checkpoint_every=5"))
    assert changed(overrides=("steps=7",))
    assert changed(overrides=('images=["others"]',))
    (tmp_path / "table.toml").write_text(
        path.read_text().replace("shown = false", "shown = false\nset = { steps = 3 }")
    )
    assert changed(), "another start"


def made_up(folder, name, style, rows=""):
    """Write a world whose images are those of every such world, and whose videos have a style."""
    write_world(
        folder,
        name,
        f"""
        sets = {{ images = "sharp/coco-train", videos = "own/davis-train" }}
        {rows}
        [parts.sharp]
        style = "none"
        [parts.own]
        style = "{style}"
        """,
    )


def test_cells_that_come_to_one_network_are_twins_of_the_first(tmp_path):
    for style in ("dim", "gain"):
        made_up(tmp_path, style, style)
    head = HEAD + 'worlds = ["dim", "gain"]\n'
    cells = by_name(grid_of(write_table_file(tmp_path, head=head), OUT))
    first = cells["dim/first/0"]
    assert [name for name, cell in cells.items() if cell.twin] == [
        "gain/first/0",
        "gain/plain/0",
        "gain/plain/1",
    ]
    assert cells["gain/first/0"].twin is first
    assert cells["gain/plain/1"].twin is cells["dim/plain/1"]
    assert (cells["gain/clustered/1"].twin, cells["gain/clustered/1"].start) == (None, first)
    assert cells["gain/clustered/1"].recipe.init.weights == str(first.run_dir)
    assert cells["gain/plain/1"].judged_on["videos"] != cells["dim/plain/1"].judged_on["videos"]
    assert cells["gain/plain/1"].reads == ("images", "videos")
    assert cells["gain/first/0"].reads == ()


def test_the_stages_that_worlds_put_first_are_shared_too(tmp_path):
    for style in ("dim", "gain"):
        made_up(tmp_path, style, style, "pretrain = { steps = 99 }")
    head = HEAD + 'worlds = ["dim", "gain"]\n'
    rows = ROWS.replace('start = "first"\n', "").replace("shown = false", "set = { steps = 99 }")
    cells = by_name(grid_of(write_table_file(tmp_path, head=head, rows=rows), OUT))
    stage = cells["dim/plain.pretrain/1"]
    assert cells["gain/plain.pretrain/1"].twin is stage
    assert cells["gain/clustered/1"].start is cells["dim/clustered/1"].start is stage
    assert cells["gain/plain/1"].twin is cells["dim/plain/1"]


def test_a_network_of_another_table_is_a_twin_without_needs(tmp_path):
    path = write_table_file(tmp_path)
    plain = by_name(grid_of(path, OUT))["plain/1"]
    lent = {plain.fingerprint: Path("other") / "plain" / "seed-1"}
    cell = by_name(grid_of(path, OUT, trained=lent))["plain/1"]
    assert cell.twin.run_dir == Path("other/plain/seed-1")
    assert (cell.twin.judged_on, cell.twin.before, cell.reads) == ({}, None, ("images", "videos"))
    assert cell.fingerprint == plain.fingerprint == cell.twin.fingerprint


def test_what_sets_or_settings_tell_apart_is_trained_apart(tmp_path):
    rows = ROWS + "set = { log_every = 3 }\n" + ROWS.split("\n\n")[1].replace('"plain"', '"more"')
    cells = by_name(grid_of(write_table_file(tmp_path, rows=rows), OUT))
    assert cells["more/1"].twin is cells["plain/1"]
    assert len({cell.fingerprint for cell in cells.values()}) == 5
    other = rows.replace('name = "more"', 'name = "more"\nset = { steps = 3 }')
    cells = by_name(grid_of(write_table_file(tmp_path, rows=other), OUT))
    assert cells["more/1"].twin is None


def test_a_wrong_recipe_is_told_with_its_row(tmp_path):
    rows = ROWS.replace('"clustered.toml"', '"swin-pach"')
    with pytest.raises(RecipeError, match=r"row clustered: .*Did you mean 'swin-patch'"):
        grid_of(write_table_file(tmp_path, rows=rows), OUT)
    with pytest.raises(RecipeError, match=r"row first: .*stepz: unknown key"):
        grid_of(write_table_file(tmp_path), OUT, overrides=("stepz=1",))


def test_unused_sets_are_not_needed(tmp_path):
    cells = by_name(grid_of(write_table_file(tmp_path), OUT, data=tmp_path))
    assert cells["first/0"].reads == ("images",)
    assert cells["first/0"].recipe.videos == ()
    assert cells["clustered/0"].recipe.videos == (str(tmp_path / "shards" / "videos"),)
