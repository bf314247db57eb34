"""The `barograph` command and how its errors are told."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import click

from barograph.errors import BarographError, ConfigError
from barograph_processor.cli.baseline import baseline
from barograph_processor.cli.batch import batch
from barograph_processor.cli.check import check
from barograph_processor.cli.components import components
from barograph_processor.cli.doctor.command import doctor
from barograph_processor.cli.drain import drain
from barograph_processor.cli.run import run

if TYPE_CHECKING:
    from typing import Any

EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2
_WHOLE = 1_000

EPILOG = """\b
Examples:
  barograph run                                   listen on 127.0.0.1:4317, results at 127.0.0.1:9464/metrics
  barograph run --config barograph.yaml           as the file says
  barograph baseline fit march.parquet -o credit-3.baseline --model credit --version 3
  barograph batch --predictions 'april/*.parquet' --labels paid.csv --baseline credit-3.baseline
  barograph check --config barograph.yaml         what the file means, with every default
  barograph doctor                                what is recorded here and where it goes

\b
Exit codes:
  0  done
  1  failed; the message says why and what to do
  2  the command line or the configuration can't be understood
  3  barograph batch --fail-on: a window has that status
"""


class Told(click.ClickException):
    """An error of ours as the command line tells it: the message, no traceback."""

    exit_code = EXIT_FAILED

    def __init__(self, error: BarographError) -> None:
        super().__init__(str(error))


class ToldWrongInput(Told):
    """The command line or the configuration can't be understood."""

    exit_code = EXIT_WRONG_INPUT


class Commands(click.Group):
    """Turns our errors into messages and exit codes."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with whole sentences, which click would cut to a line."""
        del ctx
        rows = [(name, each.get_short_help_str(_WHOLE)) for name, each in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # as click declares it
        """Run a command.

        Raises:
            Told: A command raised an error of ours.
            click.ClickException: Standard output takes no more.
        """
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise ToldWrongInput(error) from error
        except BarographError as error:
            raise Told(error) from error
        except OSError as error:
            if error.errno != errno.ENOSPC or error.filename is not None:
                raise
            raise click.ClickException("what is printed can't be written: the disk is full") from error


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="barograph", message="%(prog)s %(version)s")
def cli() -> None:
    """Tells whether a model in production is still right, over OpenTelemetry alone."""


for command in (run, batch, drain, check, doctor, baseline, components):
    cli.add_command(command)
