"""Everything emitted is declared, and everything declared is emitted by some test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emission import EVENTS, HEARD, IS_WHOLE, METRICS, REGISTRY, SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reading import Signal


@pytest.mark.last
def test_everything_that_tests_emitted_is_declared() -> None:
    _none(HEARD.faults)


@pytest.mark.last
@pytest.mark.parametrize("declared", [METRICS, EVENTS, SPANS], ids=["metrics", "events", "spans"])
def test_everything_that_is_declared_was_emitted(
    declared: Mapping[str, Signal], request: pytest.FixtureRequest
) -> None:
    _only_in_a_whole_run(request)
    _none(declared.keys() - HEARD.names)


@pytest.mark.last
def test_every_attribute_that_is_declared_was_emitted(request: pytest.FixtureRequest) -> None:
    _only_in_a_whole_run(request)
    _none({attribute.key for attribute in REGISTRY.attributes} - HEARD.attributes)


def _none(found: Iterable[str]) -> None:
    assert [] == sorted(found), "".join(f"\n  {each}" for each in sorted(found))


def _only_in_a_whole_run(request: pytest.FixtureRequest) -> None:
    if not request.config.stash[IS_WHOLE]:
        pytest.skip("only some tests were asked for; what the others would have emitted is unknown")
