"""Everything of a start that can be tried without starting."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from barograph.errors import ConfigError
from barograph_processor.cli.options import configuration
from barograph_processor.components.api import Verifies
from barograph_processor.components.plugin_signals import signals_of
from barograph_processor.components.registry import Registry
from barograph_processor.config.resolve import read_baselines
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from barograph.baseline import Baseline
    from barograph_processor.cli.options import Given
    from barograph_processor.config.model import Config


class Checked(NamedTuple):
    """A configuration that works, and what it names.

    Attributes:
        config: The configuration.
        baselines: The baselines that it names.
    """

    config: Config
    baselines: Sequence[Baseline]


def checked(given: Given) -> Checked:
    """Read the configuration, every baseline and certificate, and load the signals of other packages.

    Args:
        given: What the command line says.

    Raises:
        ConfigError: Something can't work; one line for each problem.
    """
    registry = Registry.installed()
    config = configuration(given, registry)
    baselines = read_baselines(config)
    for path, component in (
        *((f"$.receivers.{name}", each) for name, each in config.receivers.items()),
        *((f"$.exporters.{name}", each) for name, each in config.exporters.items()),
    ):
        if isinstance(component, Verifies):
            try:
                component.verify()
            except ConfigError as error:
                raise ConfigError(f"{path}: {error}") from error
    signals_of(registry.without(config.plugins.exclude).plugins, Telemetry())
    return Checked(config, baselines)
