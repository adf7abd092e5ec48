"""The README is the front door: every command has help and stands there, every file it names is."""

import re

import click
import pytest
import typer.main

from tests.conftest import ROOT
from vsda.cli.app import app

README = (ROOT / "README.md").read_text()


def commands(group, prefix="vsda"):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_there_are_commands():
    assert {
        "vsda prepare davis",
        "vsda shards verify",
        "vsda train",
        "vsda demo",
    } <= COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_and_stands_in_the_readme(name):
    assert COMMANDS[name].help
    assert f"`{name}" in README or f"\n    {name}" in README or f"\n{name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_has_help(name):
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option) or parameter.param_type_name == "option":
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_files_that_the_readme_links_exist():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_readme_has_the_two_commands():
    assert "make demo" in README
    assert "make test" in README
