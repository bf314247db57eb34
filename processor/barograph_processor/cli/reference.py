"""docs/cli.md, made from the commands themselves: `python -m barograph_processor.cli.reference`."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

import click

from barograph_processor.cli.root import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

INTRODUCTION = """\
# Command line

Made from the commands themselves by `python -m barograph_processor.cli.reference > docs/cli.md`.
What the options change in the configuration, and everything that has no option, is in
[configuration.md](configuration.md).
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_command(cli, "barograph")])


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """The command and every one below it, with their full names."""
    yield name, command
    if isinstance(command, click.Group):
        for word, child in command.commands.items():
            yield from commands(child, f"{name} {word}")


def _command(root: click.Command, root_name: str) -> Iterator[str]:
    for name, command in commands(root, root_name):
        context = click.Context(command, info_name=name)
        yield f"## `{name}`\n"
        yield f"{inspect.cleandoc(command.help or '')}\n"
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        yield f"```text\n{usage}\n```\n"
        rows = list(_options(command, context))
        if rows:
            yield "| | |\n|---|---|"
            yield "\n".join(rows) + "\n"
        if command.epilog:
            yield from _epilog(command.epilog)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            option, text = (part.replace("|", "\\|") for part in record)
            yield f"| `{option}` | {text} |"


def _epilog(epilog: str) -> Iterator[str]:
    for block in epilog.split("\n\n"):
        lines = block.strip("\n").splitlines()
        if lines and lines[0] == "\b":
            yield "```text\n" + "\n".join(lines[1:]) + "\n```\n"
        elif lines:
            yield "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
