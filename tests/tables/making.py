"""Tables made by code, of the smallest network."""

from pathlib import Path

from tests.made_sets import make_images, make_videos
from tests.training.processes import write_toml
from tests.training.small import CLUSTERED
from vsda.tables.grid import Asked, make_grid
from vsda.tables.load import load_table

STEPS = 6
ROWS = """
[[rows]]
name = "first"
recipe = "small.toml"
shown = false
seeds = [0]

[[rows]]
name = "plain"
label = "images alone"
recipe = "small.toml"
start = "first"

[[rows]]
name = "clustered"
label = "images and video"
recipe = "clustered.toml"
start = "first"
"""
HEAD = """
title = "A small table"
sets = ["videos", "images"]
seeds = [0, 1]
source = "plain"
"""
CLAIMS = """
[[claims]]
says = "clustered > plain"

[[claims]]
says = "clustered ~ plain"
on = "images"
by_points = 50.0
"""


def write_table_file(folder: Path, head=HEAD, rows=ROWS, claims=CLAIMS) -> Path:
    """Write a table with its two recipes beside it; return the table's file."""
    folder.mkdir(parents=True, exist_ok=True)
    short = {"steps": STEPS, "checkpoint_every": 2, "images": ["images"], "videos": ["videos"]}
    write_toml(folder / "small.toml", short)
    write_toml(folder / "clustered.toml", short | {"adversarial": CLUSTERED})
    (folder / "table.toml").write_text(head + rows + claims)
    return folder / "table.toml"


def write_worlds(folder: Path, *names) -> str:
    """Write worlds that say nothing beside a table's file; return the line that names them."""
    (folder / "worlds").mkdir(parents=True)
    for name in names:
        (folder / "worlds" / f"{name}.toml").write_text("")
    return f"worlds = {list(names)}\n"


def make_data(folder: Path) -> Path:
    """Write the sets `images` and `videos` into a folder as $VSDA_DATA is one; return it."""
    make_images(folder / "shards", 13)
    make_videos(folder / "shards", 5)
    return folder


def grid_of(path: Path, out: Path, data: Path = Path("data"), **asked):
    """Return the grid of a table's file."""
    return make_grid(load_table(str(path)), Asked(out=out, data=data, **asked))
