"""Every command, option and setting is documented, and the documented configuration works."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from barograph_processor.cli.configuration_reference import EXAMPLE, keys
from barograph_processor.cli.configuration_reference import reference as configuration_reference
from barograph_processor.cli.limits_reference import BEYOND, FIXED, settings
from barograph_processor.cli.limits_reference import reference as limits_reference
from barograph_processor.cli.reference import commands, reference
from barograph_processor.cli.root import cli
from barograph_processor.components.reasons import Reason as Leaving
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load
from barograph_processor.engine.reasons import Reason
from barograph_processor.wire import reasons as wire_reasons

IDLE = "receivers.otlp.grpc.keepalive.max_idle"  # a time after which nothing is lost
DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = dict(commands(cli, "barograph"))
FACTORIES = [each for each in Registry() if each.kind != "store"]


def test_the_page_of_the_command_line_is_that_of_the_commands() -> None:
    again = "python -m barograph_processor.cli.reference > docs/cli.md"
    assert reference() == (DOCS / "cli.md").read_text(encoding="utf-8"), again


def test_the_page_is_the_same_whether_or_not_python_dedents_docstrings() -> None:
    prose = (DOCS / "cli.md").read_text(encoding="utf-8").split("```")[::2]
    assert [] == [line for part in prose for line in part.splitlines() if line.startswith(" ")]


def test_the_page_of_the_configuration_is_that_of_the_settings() -> None:
    again = "python -m barograph_processor.cli.configuration_reference > docs/configuration.md"
    assert configuration_reference() == (DOCS / "configuration.md").read_text(encoding="utf-8"), again


def test_the_page_of_the_limits_is_that_of_the_limits() -> None:
    again = "python -m barograph_processor.cli.limits_reference > docs/limits.md"
    assert limits_reference() == (DOCS / "limits.md").read_text(encoding="utf-8"), again


def test_every_limit_says_what_happens_beyond_it_by_a_reason_that_exists() -> None:
    known = {path for path, _, _ in settings()}
    bounding = {
        path
        for path in known
        if path.startswith("limits.") or path.rpartition(".")[2].startswith(("max_", "workers"))
    }
    described = set(BEYOND)
    assert (set(), set()) == (bounding - described - {IDLE}, described - known)
    reasons = {
        value
        for home in (Reason, Leaving, wire_reasons)
        for value in vars(home).values()
        if isinstance(value, str)
    }
    told = {
        reason for beyond in (*BEYOND.values(), *(each[2] for each in FIXED)) for reason in beyond.reasons
    }
    assert set() == told - reasons


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help_and_is_on_the_page(name: str) -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    section = page.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
    command = COMMANDS[name]
    assert command.help
    assert command.help.splitlines()[0] in section
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert all(option in section for option in parameter.opts)


@pytest.mark.parametrize(
    "name", [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)]
)
def test_every_command_shows_examples(name: str) -> None:
    assert "Examples:" in (COMMANDS[name].epilog or "")
    assert name in (COMMANDS[name].epilog or "")


@pytest.mark.parametrize("factory", FACTORIES, ids=lambda each: f"{each.kind} {each.name}")
def test_every_setting_of_a_component_has_a_meaning(factory: object) -> None:
    assert all(text for _, _, text in keys(factory.config_type))  # type: ignore[attr-defined]


def test_the_example_of_the_page_is_a_configuration() -> None:
    config = load(EXAMPLE, catalog=Registry(), environ={"BAROGRAPH_TOKEN": "example"})
    assert ["credit"] == list(config.models)
