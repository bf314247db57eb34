"""Options that several commands have, and what they mean for the configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from barograph_processor.components.registry import Registry
    from barograph_processor.config.model import Config

CommandT = TypeVar("CommandT", bound="Callable[..., Any]")


class Given(NamedTuple):
    """What the command line says; None and empty where it says nothing.

    Attributes:
        config: Configuration file.
        listen: Where OTLP/gRPC is received.
        listen_http: Where OTLP/HTTP is received.
        prometheus: Where ``/metrics`` is served.
        otlp: Where results are sent.
        forward: Where everything is passed on to instead.
        windows: Windows of models that the file doesn't name.
        pane: Pane length.
        baselines: Baseline files.
        storage: Folder for state.
    """

    config: Path | None = None
    listen: str | None = None
    listen_http: str | None = None
    prometheus: str | None = None
    otlp: str | None = None
    forward: str | None = None
    windows: tuple[str, ...] = ()
    pane: str | None = None
    baselines: tuple[Path, ...] = ()
    storage: Path | None = None


class LocalPath(click.Path):
    """A path whose ``~`` the shell may have left: it does so in ``--option=~/file``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401  # as click declares it
        """The path with the home folder put in; addresses of other machines' storage are refused."""
        if "://" in str(value):
            self.fail(f"{value!r} is no path; copy it here, or mount its store as a folder", param, ctx)
        return super().convert(os.path.expanduser(value), param, ctx)  # noqa: PTH111  # click reads text


_FILE = LocalPath(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--config", "-c", type=_FILE, envvar="BAROGRAPH_CONFIG", show_envvar=True,
        help="Configuration file (YAML); every key has a default, and so has the whole file.",
    ),
    click.option(
        "--listen", metavar="HOST:PORT",
        help="Where OTLP/gRPC is received (default 127.0.0.1:4317; port 0 takes a free one).",
    ),
    click.option(
        "--listen-http", metavar="HOST:PORT",
        help="Where OTLP/HTTP is received (default 127.0.0.1:4318, unless only --listen is given).",
    ),
    click.option(
        "--prometheus", metavar="HOST:PORT",
        help="Where /metrics is served (default 127.0.0.1:9464; port 0 takes a free one).",
    ),
    click.option(
        "--otlp", metavar="ENDPOINT",
        help="Also send results by OTLP: host:port or URL; OTEL_EXPORTER_OTLP_PROTOCOL, _HEADERS … count.",
    ),
    click.option(
        "--forward", metavar="ENDPOINT",
        help="Count rows and pass everything on to this processor by OTLP, instead of making windows.",
    ),
    click.option(
        "--window", "windows", metavar="LENGTH", multiple=True,
        help="Window that readings are made for: 1h, 1d, month … (default 1h and 1d). May be repeated.",
    ),
    click.option(
        "--pane", metavar="LENGTH",
        help="Smallest slice of event time (default 1m); the same in every source.",
    ),
    click.option(
        "--baseline", "baselines", type=_FILE, multiple=True,
        help="Baseline file; names its model and version itself. May be repeated. Models without one learn.",
    ),
    click.option(
        "--storage", metavar="DIR", type=LocalPath(path_type=Path, file_okay=False),
        help="Folder for pending labels, learned baselines and state kept over a restart (default: memory).",
    ),
)  # fmt: skip


def configuration_options(command: CommandT) -> CommandT:
    """Give a command the options that change the configuration."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_by(values: dict[str, Any]) -> Given:
    """The options of a command as one value."""
    return Given(**{name: values[name] for name in Given._fields})


def configuration(
    given: Given,
    registry: Registry,
    *,
    json_lines: bool = False,
    more: Mapping[tuple[str, ...], object] | None = None,
) -> Config:
    """The configuration file with the command line's wishes put in.

    Args:
        given: The options that several commands have.
        registry: The components that there are.
        json_lines: Whether the console prints JSON.
        more: What further options wish, by path in the file.

    Raises:
        ConfigError: Something in it can't be done; one line for each problem.
    """
    from barograph_processor.config.load import load, load_file  # noqa: PLC0415  # PyYAML is not for --help

    overrides: dict[tuple[str, ...], object] = dict(more or {})
    wishes: dict[tuple[str, ...], object] = {
        ("receivers", "otlp", "grpc", "endpoint"): given.listen,
        ("receivers", "otlp", "http", "endpoint"): given.listen_http,
        ("exporters", "prometheus", "endpoint"): given.prometheus,
        ("exporters", "otlp", "endpoint"): given.otlp,
        ("forward", "endpoint"): given.forward,
        ("exporters", "console", "format"): "json" if json_lines else None,
        ("windows",): list(given.windows) or None,
        ("engine", "pane"): given.pane,
        ("baselines",): [str(path.absolute()) for path in given.baselines] or None,
        ("storage", "directory"): str(given.storage.absolute()) if given.storage else None,
    }
    overrides.update({path: value for path, value in wishes.items() if value is not None})
    if given.config is not None:
        return load_file(given.config, catalog=registry, overrides=overrides)
    return load("", name="command line", catalog=registry, overrides=overrides)
