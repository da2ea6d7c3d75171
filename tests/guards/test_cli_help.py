"""Every command says what it does, and shows how it is typed."""

import re

import click
import pytest
from flask import Flask

# What Flask itself brings.
FLASKS_OWN = {"routes", "run", "shell"}


def _commands(group, path=("flask",)):
    for name, command in group.commands.items():
        if len(path) == 1 and name in FLASKS_OWN:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.fixture
def commands(app: Flask):
    return list(_commands(app.cli))


def test_there_are_the_commands_of_the_product(commands):
    nouns = {path[1] for path, _ in commands}
    assert nouns >= {"db", "users", "quota", "requests", "ledger", "demo", "worker", "serve", "doctor"}


def test_every_group_says_what_it_is_for(app):
    groups = {name: command.help for name, command in app.cli.commands.items() if isinstance(command, click.Group)}
    assert [name for name, text in groups.items() if not text] == []


def test_every_command_has_a_sentence_and_an_example_of_itself(commands):
    lacking = {}
    for path, command in commands:
        sentence, _, example = (command.help or "").partition("Example")
        if "." not in sentence or not re.search(rf"^\s*{' '.join(path)}\b", example, re.MULTILINE):
            lacking[" ".join(path)] = command.help
    assert lacking == {}


def test_every_option_says_what_it_does(commands):
    options = [(path, one) for path, command in commands for one in command.params if isinstance(one, click.Option)]
    assert [f"{' '.join(path)} {one.opts[0]}" for path, one in options if not one.help] == []


def test_every_example_is_taken_by_its_command(app, commands):
    """Only parsed, not run: what it names need not be there."""
    for path, command in commands:
        (line,) = re.findall(rf"^\s*({' '.join(path)}\b.*)$", command.help, re.MULTILINE)[:1]
        words = re.findall(r'"[^"]*"|\S+', line.strip())[len(path) :]
        words = [word.strip('"') for word in words]
        context = command.make_context(path[-1], words, resilient_parsing=False)
        context.close()


def test_what_lists_or_shows_can_print_json(commands):
    lists = [(path, command) for path, command in commands if path[-1] in {"list", "show", "history"}]
    assert lists
    assert [
        path for path, command in lists if "--json" not in {opt for one in command.params for opt in one.opts}
    ] == []


def test_no_secret_is_an_argument(commands):
    names = {
        (path, one.name) for path, command in commands for one in command.params if not getattr(one, "is_flag", False)
    }
    assert [path for path, name in names if re.search("password|secret|token$|key$", name)] == []


@pytest.mark.parametrize("words", [["--help"], ["requests", "--help"], ["requests", "approve", "--help"]])
def test_help_is_shown(app, words):
    result = app.test_cli_runner().invoke(args=words)
    assert (result.exit_code, "Usage:" in result.output) == (0, True)
