"""A small study: two worlds, a source, a ceiling and a row between, by records without runs."""

from tests.report.make_runs import evaluation, judge, make_run, make_set, predict, truth_mask
from tests.tables.making import HEAD, ROWS, grid_of, write_table_file, write_worlds
from tests.tables.records import finish

TOP = '[[rows]]\nname = "top"\nrecipe = "small.toml"\ngroup = "with labels"\n'
POINTS = {
    "dark": {"plain": (30, 32), "clustered": (40, 42), "top": (50, 52)},
    "grey": {"plain": (50, 52), "clustered": (45, 47), "top": (49, 54)},
}
BEAR, CAMEL = "davis/bear/00000", "davis/camel/00001"


def write_study(folder, claims="", rows=ROWS + TOP):
    """Write the study's table; return its grid."""
    head = HEAD + 'ceiling = "top"\n' + write_worlds(folder, "dark", "grey")
    path = write_table_file(folder, head=head, rows=rows, claims=claims)
    return grid_of(path, folder / "out")


def finish_all(grid, points=POINTS):
    """Leave a record of each cell; in both worlds `images` show the same of every row."""
    for cell in grid.cells:
        if cell.judged_on:
            found = points[cell.world][cell.row][cell.seed]
            finish(cell, {"videos": found / 100, "images": 0.9})


def keep_predictions(folder, cells):
    """Let the runs of `cells` have kept what they say of two frames of a real set."""
    place = str(make_set(folder / "shards", "videos"))
    for cell in cells:
        run = make_run(cell.run_dir)
        kept = predict(run, {BEAR: truth_mask(0), CAMEL: truth_mask(3)})
        judge(run, evaluation(videos={"bear": 0.5}, name="videos", predictions=kept, place=place))
