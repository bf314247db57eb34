"""Every limit of the engine and of the decoders can be configured, with the same default."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import pytest

from barograph_processor.config.limits import Limits, RequestLimits
from barograph_processor.config.model import Config
from barograph_processor.config.resolve import settings_for
from barograph_processor.engine.settings import Settings
from barograph_processor.wire.limits import Limits as Decoding

ENGINE = [field.name for field in fields(Settings) if field.name.startswith("max_")]


def test_what_is_not_configured_is_what_the_parts_do_by_themselves() -> None:
    assert Decoding() == Limits().decoding
    settings = settings_for(Config(), None)
    assert {name: getattr(Settings(), name) for name in ENGINE} == {
        name: getattr(settings, name) for name in ENGINE
    }


@pytest.mark.parametrize("name", ENGINE)
def test_a_limit_of_the_engine_is_a_key(name: str) -> None:
    key = name.removeprefix("max_")
    config = Config(limits=msgspec.convert({key: 17}, Limits))
    assert 17 == getattr(settings_for(config, None), name)


@pytest.mark.parametrize("name", [field.name for field in fields(Decoding)])
def test_a_limit_of_the_decoders_is_a_key(name: str) -> None:
    key = name.removeprefix("max_")
    given = {"request": {key: 17}} if key in RequestLimits.__struct_fields__ else {key: 17}
    assert 17 == getattr(msgspec.convert(given, Limits).decoding, name)
