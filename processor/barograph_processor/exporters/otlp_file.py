"""Readings and closed windows as OTLP in a file: a request in JSON on each line.

Collectors read it with their `otlp_json_file` receiver, `barograph batch` passes it over as its own.

Source: OpenTelemetry specification, "OpenTelemetry Protocol File Exporter".
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from barograph.errors import ConfigError, Permanent
from barograph_processor.components.api import Factory
from barograph_processor.exporters.otlp import Otlp
from barograph_processor.exporters.otlp_target import Timestamps  # noqa: TC001  # msgspec reads annotations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from barograph_processor.components.api import Context
    from barograph_processor.exporters.otlp import Sender
    from barograph_processor.exporters.otlp_target import Signal

STANDARD_OUTPUT = "-"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which file.

    Attributes:
        path: The file, from the working directory on, which is begun anew; ``-`` is standard output.
        append: Whether lines are added to what the file holds already.
        timestamps: ``window``: each reading once, at the end of its window; ``now``: the current ones every
            export interval.
    """

    path: str = STANDARD_OUTPUT
    append: bool = False
    timestamps: Timestamps = "window"


class LineSender:
    """Writes requests of one signal as lines."""

    def __init__(
        self,
        write: Callable[[str], None],
        request: type[ExportLogsServiceRequest | ExportMetricsServiceRequest],
    ) -> None:
        self._write = write
        self._request = request

    def send(self, request: bytes) -> bytes:
        """Write a request; returns the response of somebody who took all of it.

        Raises:
            Permanent: It can't be written.
        """
        message = self._request.FromString(request)
        self._write(MessageToJson(message, indent=None, use_integers_for_enums=True) + "\n")
        return b""

    def close(self) -> None:
        """Nothing: both signals share the file."""


@contextmanager
def _open(config: Config, context: Context) -> Iterator[Otlp]:
    with _writer(config) as write:
        senders: dict[Signal, Sender] = {
            "logs": LineSender(write, ExportLogsServiceRequest),
            "metrics": LineSender(write, ExportMetricsServiceRequest),
        }
        yield Otlp(senders, context.telemetry, timestamps=config.timestamps)


@contextmanager
def _writer(config: Config) -> Iterator[Callable[[str], None]]:
    if config.path == STANDARD_OUTPUT:
        yield lambda text: print(text, end="", flush=True)  # noqa: T201  # as it was asked for
        return
    path = Path(config.path).expanduser()
    try:
        file = path.open("ab" if config.append else "wb", buffering=0)
    except OSError as error:
        raise ConfigError(f"path: {path} can't be written: {error.strerror}") from error

    def write(text: str) -> None:
        content = text.encode()
        try:
            written = file.write(content)
        except OSError as error:
            raise Permanent(f"{path} can't be written: {error.strerror}") from error
        if written < len(content):
            raise Permanent(f"{path} can't be written: the disk is full")

    with file:
        yield write


FACTORY: Factory[Config, Otlp] = Factory(
    kind="exporter",
    name="file",
    config_type=Config,
    open=_open,
    stability="development",
    summary="Readings and closed windows as OTLP in a file, a request in JSON on each line.",
)
