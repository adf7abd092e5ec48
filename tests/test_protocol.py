"""The protocol for real data and the study: each command there is one that the program takes."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from tests.conftest import ROOT
from vsda.cli.app import app
from vsda.manifests import weights_sources
from vsda.recipes.load import recipe_paths
from vsda.recipes.train import TrainRecipe
from vsda.tables.load import load_table

PROTOCOL = (ROOT / ".github" / "PROTOCOL.md").read_text()
STUDY = (ROOT / ".github" / "STUDY.md").read_text()
COMMANDS = re.findall(r"^    vsda (.*)$", PROTOCOL, re.MULTILINE)
STUDY_COMMANDS = re.findall(r"^    vsda ([^#\n]*)", STUDY, re.MULTILINE)
PROGRAM = typer.main.get_command(app)


def parsed(line):
    """Return the name of the command in `line` and its parameters; usage errors are raised."""
    command, words, name = PROGRAM, shlex.split(line), []
    while hasattr(command, "commands"):
        name.append(words.pop(0))
        command = command.commands[name[-1]]
    return " ".join(name), command.make_context("vsda", words).params


def test_there_are_commands_for_every_table():
    names = [parsed(line)[0] for line in COMMANDS]
    assert {"fetch ytbb", "prepare fbms", "bench train", "tables", "gap"} <= set(names)
    for number in "12345":
        assert f"tables {number} " in "\n".join(COMMANDS)


@pytest.mark.parametrize("line", [*COMMANDS, *STUDY_COMMANDS])
def test_a_command_is_taken_and_what_it_names_is_there(line):
    name, params = parsed(line)
    if name == "tables":
        load_table(params["name"])
    if name == "weights fetch":
        assert set(params["names"]) <= weights_sources().keys()
    if name == "bench train":
        assert set(params["recipe"]) <= recipe_paths("train").keys()
    if "set_" in params:
        keys = {setting.partition("=")[0] for setting in params["set_"] or ()}
        assert keys <= TrainRecipe.model_fields.keys()
    for run in params.get("runs") or ():
        table, row = Path(run).parts[1:3]
        assert row in load_table(table).rows


def test_the_runs_of_each_table_are_as_many_as_are_stated():
    for number, runs in re.findall(r"^\| (\d) [^|]+\| (\d+) \|", PROTOCOL, re.MULTILINE):
        recipe = load_table(number).recipe
        assert len(recipe.rows) * len(recipe.seeds) == int(runs)
