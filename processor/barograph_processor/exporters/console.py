"""One line for each closed window: for people, or as JSON for programs."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

from barograph.semconv import events
from barograph_processor.components.api import Factory
from barograph_processor.exporters.window_text import moment, text_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from barograph_processor.components.api import Context
    from barograph_processor.engine.results import ClosedWindow, CurrentReading


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the console shows.

    Attributes:
        format: ``text`` for people, ``json`` for one JSON object on each line.
    """

    format: Literal["text", "json"] = "text"


class Console:
    """Writes closed windows to a stream, stdout unless said; readings in between are not shown."""

    def __init__(self, config: Config, stream: TextIO | None = None) -> None:
        self._json = config.format == "json"
        self._stream = stream or sys.stdout

    def windows(self, closed: Sequence[ClosedWindow]) -> None:
        """Write a line for each window."""
        colour = not self._json and self._stream.isatty()
        for window in closed:
            line = json_line(window) if self._json else text_line(window, colour=colour)
            self._stream.write(line + "\n")
        self._stream.flush()

    def readings(self, current: Sequence[CurrentReading], now_ns: int) -> None:
        """Nothing: every reading was shown when its window closed."""


@contextmanager
def _open(config: Config, context: Context) -> Iterator[Console]:
    del context
    yield Console(config)


FACTORY: Factory[Config, Console] = Factory(
    kind="exporter",
    name="console",
    config_type=Config,
    open=_open,
    stability="beta",
    summary="One line for each closed window on standard output, as text or JSON.",
)


def json_line(window: ClosedWindow) -> str:
    """All of a window as one JSON object."""
    key = window.key
    return msgspec.json.encode(
        {
            "event": events.ML_WINDOW_CLOSED,
            "model": key.model,
            "version": key.version,
            "output": key.output,
            "namespace": key.namespace,
            "environment": key.environment,
            "tenant": key.tenant,
            "window": window.window,
            "start": moment(window.start_ns).isoformat(),
            "end": moment(window.end_ns).isoformat(),
            "revision": window.revision,
            "status": window.status,
            "baseline_id": window.baseline_id,
            "readings": [
                {"name": each.metric, "value": each.value, **dict(each.attributes)}
                for each in window.readings
            ],
        }
    ).decode()
