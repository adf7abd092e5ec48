"""The README is the front door: every command has help and stands there, every file it names is."""

import re

import click
import pytest
import typer.main

from tests.conftest import ROOT
from vsda.cli.app import app

README = (ROOT / "README.md").read_text()
PAGES = (ROOT / "README.md", *sorted((ROOT / ".github").glob("*.md")))


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


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_files_and_headings_that_a_page_links_exist(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for file, _, heading in (link.partition("#") for link in links if "://" not in link):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not heading or heading in headings(target), heading


def headings(page):
    """Return what links to the headings of a page end with."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


def test_readme_has_the_two_commands():
    assert "make demo" in README
    assert "make test" in README
