"""The laws of every registered component."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest

from barograph.errors import ConfigError, MissingExtra
from barograph_processor.components.api import Context, Kind, Stability
from barograph_processor.components.registry import BUILT_IN, Entry, Registry
from barograph_processor.config.convert import Converter
from barograph_processor.config.values import as_text
from barograph_processor.engine.batch import Fed
from barograph_processor.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from barograph_processor.components.api import AnyFactory, Position
    from barograph_processor.engine.batch import Batch

FACTORIES = [pytest.param(factory, id=f"{factory.kind} {factory.name}") for factory in Registry()]


class Engine:
    def feed(self, batches: Sequence[Batch], position: Position | None = None) -> Fed:
        del batches
        return Fed(0, {})

    def remembered(self, owner: str) -> Mapping[str, bytes]:
        del owner
        return {}


def on_free_ports(value: Any) -> Any:
    """The same settings, listening where nothing else does."""
    if isinstance(value, dict):
        return {
            key: "127.0.0.1:0" if key == "endpoint" and child is not None else on_free_ports(child)
            for key, child in value.items()
        }
    return value


def plain(config: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(config, enc_hook=as_text))


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_component_opens_with_its_defaults_and_closes_twice(factory: AnyFactory) -> None:
    settings = Converter().to(on_free_ports(plain(factory.config_type())), factory.config_type, "$")
    context = Context(Engine(), Telemetry(), f"{factory.kind}/{factory.name}")
    with ExitStack() as stack:
        opened = factory.open(settings, context)
        stack.callback(opened.__exit__, None, None, None)
        assert opened.__enter__() is not None
        opened.__exit__(None, None, None)


@pytest.mark.parametrize("factory", FACTORIES)
def test_every_setting_has_a_default_and_survives_being_written_and_read(factory: AnyFactory) -> None:
    settings = factory.config_type()
    converter = Converter()
    assert settings == converter.to(plain(settings), factory.config_type, "$")
    assert [] == converter.problems


@pytest.mark.parametrize("factory", FACTORIES)
def test_unknown_settings_are_refused(factory: AnyFactory) -> None:
    converter = Converter()
    assert converter.to({"no_such_setting": 1}, factory.config_type, "$") is None
    assert converter.problems[0].startswith("$.no_such_setting: unknown key")


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_component_says_what_it_is(factory: AnyFactory) -> None:
    assert factory.kind in get_args(Kind)
    assert factory.stability in get_args(Stability)
    assert factory.summary.endswith(".")
    assert factory.config_type.__doc__


def test_the_list_names_components_as_they_name_themselves() -> None:
    assert [(entry.kind, entry.name) for entry in BUILT_IN] == [(each.kind, each.name) for each in Registry()]


def test_a_component_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="there is no exporter 'otpl'; did you mean otlp"):
        Registry().factory("exporter", "otpl")


def test_a_library_that_is_missing_says_which_extra_brings_it() -> None:
    registry = Registry([Entry("store", "tape", "no_such_library.of_tapes:FACTORY")])
    with pytest.raises(MissingExtra, match="the store tape needs an extra: pip install"):
        registry.factory("store", "tape")
