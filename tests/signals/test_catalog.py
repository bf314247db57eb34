"""The catalog of signals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from barograph.errors import ConfigError
from barograph_processor.signals import performance
from barograph_processor.signals.api import Reading, View
from barograph_processor.signals.catalog import SCOPES, SIGNALS, checked
from barograph_processor.signals.drift import FEATURE_DRIFT

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Other:
    """A signal of somebody else."""

    name: str = "other"
    scope: str = "window"

    def readings(self, view: View) -> Iterator[Reading]:
        yield Reading("other.figure", float(view.predictions))


def test_names_differ_and_every_scope_is_there() -> None:
    assert len({signal.name for signal in SIGNALS}) == len(SIGNALS)
    assert set(SCOPES) == {signal.scope for signal in SIGNALS}
    assert set(performance.SIGNALS) <= set(SIGNALS)


def test_a_signal_of_another_package_joins_and_a_name_is_taken_once() -> None:
    assert [*SIGNALS, Other()] == list(checked([*SIGNALS, Other()]))
    with pytest.raises(ConfigError, match=r"'feature\.drift'"):
        checked([*SIGNALS, Other(name="feature.drift")])
    with pytest.raises(ConfigError, match="'panes'"):
        checked([replace(FEATURE_DRIFT, scope="panes")])


def test_no_signal_fails_on_an_empty_view() -> None:
    for signal in SIGNALS:
        assert all(isinstance(one, Reading) for one in signal.readings(View({}, None, 60.0, 0)))
