"""Bytes from elsewhere are read or refused, whatever they hold."""

from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barograph.errors import StateError
from barograph_processor.signals import codec, frame
from barograph_processor.signals.codec import decode, encode
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.exponential import ExponentialHistogram
from barograph_processor.signals.histogram import ExplicitHistogram
from barograph_processor.signals.performance_confusion import ConfusionCounts
from barograph_processor.signals.performance_errors import ProbabilityErrors, RegressionErrors
from barograph_processor.signals.performance_scores import ScoreCounts

if TYPE_CHECKING:
    from barograph_processor.signals.api import State

VALUES = np.array([-3.0, 0.0, 0.25, 0.5, 1.0])
CODES = np.array([0, 1, 1, 2, 0], np.int32)
STATES: tuple[State, ...] = (
    ExplicitHistogram.zero([0.0, 0.5]).observe(VALUES),
    ExponentialHistogram.zero(4).observe(VALUES),
    CategoryCounts.of({"a": 1, "b": 2, "__other__": 3}),
    ConfusionCounts.zero(2).observe(CODES, CODES[::-1], ("a", "b", "c")),
    ScoreCounts.zero().observe(VALUES, VALUES > 0),
    ProbabilityErrors.zero().observe(VALUES[1:], VALUES[1:]),
    RegressionErrors.zero().observe(VALUES, VALUES[::-1]),
)


def signed(kind: int, parameters: bytes, content: bytes) -> bytes:
    """A frame with right checksums around whatever content, as one who means harm would make it."""
    return frame.seal(kind, parameters, content)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    for content in (data, b"BGST" + data):
        with pytest.raises(StateError):
            decode(content)


@settings(max_examples=400)
@given(st.sampled_from(STATES), st.data())
def test_content_changed_under_a_right_checksum_gives_a_sound_state_or_an_error(
    state: State, data: st.DataObject
) -> None:
    kind, parameters, content = _opened(encode(state))
    both = bytearray(parameters + content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(both) - 1))
        both[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del both[data.draw(st.integers(len(parameters), len(both))) :]
    try:
        found = decode(signed(kind, bytes(both[: len(parameters)]), bytes(both[len(parameters) :])))
        twice = found.merge(found)
    except StateError:  # also where twice the rows are too many
        return
    assert found == decode(encode(found))
    assert twice == decode(encode(twice))


@settings(max_examples=200)
@given(
    st.integers(0, 70_000).map(lambda kind: kind % 65_536), st.binary(max_size=64), st.binary(max_size=200)
)
def test_any_content_under_a_right_checksum_gives_a_sound_state_or_an_error(
    kind: int, parameters: bytes, content: bytes
) -> None:
    for tried in (kind, kind % 8):
        try:
            found = decode(signed(tried, parameters, content))
        except StateError:
            continue
        assert found == decode(encode(found))


def test_a_length_is_believed_only_if_the_bytes_are_there() -> None:
    lie = struct.pack("<I", 2**32 - 1)
    tracemalloc.start()
    try:
        for kind in codec.kinds():
            for parameters, content in ((lie, b""), (struct.pack("<q", 1_000), lie * 4), (b"", lie * 10)):
                with pytest.raises(StateError):
                    decode(signed(kind, parameters, content))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_a_state_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(StateError, match="limit"):
        decode(b"BGST" + bytes(frame.MAX_STATE_BYTES))


def test_a_format_of_the_future_says_what_to_do() -> None:
    data = bytearray(encode(STATES[0]))
    data[4] = 9
    with pytest.raises(StateError, match="upgrade"):
        decode(bytes(data))


def test_parameters_must_match_their_hash() -> None:
    data = bytearray(encode(STATES[0]))[:-8]
    data[8] ^= 1
    with pytest.raises(StateError, match="hash"):
        decode(bytes(data) + frame._digest(bytes(data)))


class Plugin:
    """A kind of state that this package does not know."""

    KIND: ClassVar[int] = 1_234

    @classmethod
    def read(cls, parameters: frame.Reader, content: frame.Reader) -> State:
        raise NotImplementedError


def test_a_plugins_state_is_read_by_its_own_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "_KINDS", dict(codec._KINDS))
    with pytest.raises(StateError, match="plugin"):
        decode(signed(1_234, b"", b""))
    assert Plugin is codec.register(Plugin)
    assert 1_234 in codec.kinds()
    with pytest.raises(NotImplementedError):
        decode(signed(1_234, b"", b""))


def test_a_plugin_cannot_take_the_number_of_another() -> None:
    class Intruder(Plugin):
        KIND = 1

    with pytest.raises(StateError, match="plugin"):
        codec.register(Intruder)


def _opened(data: bytes) -> tuple[int, bytes, bytes]:
    kind, length = struct.unpack_from("<6xH8xI", data)
    return kind, data[20 : 20 + length], data[20 + length : -8]
