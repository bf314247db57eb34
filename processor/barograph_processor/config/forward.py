"""Where an edge passes things on to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from barograph_processor.config.limits import Count  # noqa: TC001  # msgspec looks at annotations
from barograph_processor.config.values import Duration, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Forward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Makes an edge: rows are counted, everything else is passed on by OTLP, and no windows are made.

    Attributes:
        endpoint: The processor that makes windows, or a Collector before it: ``host:port`` or a URL;
            ``http://`` is plain text, ``https://`` is TLS.
        protocol: ``grpc`` or ``http/protobuf``; by default what ``OTEL_EXPORTER_OTLP_PROTOCOL`` says.
        headers: Sent with each request.
        compression: ``gzip`` or ``none``.
        insecure: Plain text for an endpoint without ``http://``; by default only on this machine.
        timeout: For one request.
        ca_file: Certificates to trust instead of the system's (PEM).
        cert_file: Our own certificate (PEM).
        key_file: Its key (PEM).
        interval: What was counted and what came is sent this often; earlier when there is much of it.
        queue_bytes: Requests that wait while the endpoint is away; when half of it is full, receivers answer
            UNAVAILABLE and senders keep their data.
        remember: Ids that are remembered, so that a row that its sender sends again is counted once.
    """

    endpoint: str
    protocol: Literal["grpc", "http/protobuf"] | None = None
    headers: dict[str, Secret] = {}
    compression: Literal["gzip", "none"] | None = None
    insecure: bool | None = None
    timeout: Duration | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    interval: Duration = Duration("5s")
    queue_bytes: Annotated[int, msgspec.Meta(ge=1_048_576)] = 268_435_456
    remember: Count = 1_000_000

    def targets(self, environ: Mapping[str, str]) -> Sequence[str]:
        """The endpoint."""
        del environ
        return [self.endpoint]
