"""Bytes that are no request are refused as such, whatever goes wrong inside the decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from barograph.errors import Permanent
from barograph_processor.wire import descriptors
from barograph_processor.wire.decode import DecodeContext
from barograph_processor.wire.decode_logs import decode_columns, decode_logs
from barograph_processor.wire.decode_metrics import decode_metrics
from barograph_processor.wire.decode_traces import decode_traces

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph_processor.wire.decode import Decoded

LONGEST = b"\xff" * 9 + b"\x01"


@pytest.mark.parametrize("decode", [decode_logs, decode_metrics, decode_traces])
@pytest.mark.parametrize(
    "data", [b"\x0a\x05ab", b"\x0a" + LONGEST, b"\x0a\x0c\x12" + LONGEST, b"\x0a", b"\xff"]
)
def test_lengths_that_lie_are_refused(decode: Callable[[bytes, DecodeContext], Decoded], data: bytes) -> None:
    """A length near 2^64 makes the decoder panic, which is no `Exception` and would leave no answer."""
    with pytest.raises(Permanent, match=r"isn't an OTLP (logs|metrics|traces) request in protobuf"):
        decode(data, DecodeContext())


def test_an_interrupt_is_not_taken_for_a_panic(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(requests: list[bytes]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(descriptors, "_parser", lambda lane: interrupted)
    with pytest.raises(KeyboardInterrupt):
        decode_columns(b"", DecodeContext())
