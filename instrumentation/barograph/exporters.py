"""The application's exporters of metrics and logs, each made when first needed and anew after a fork."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from barograph.errors import ConfigError
from barograph.forking import GATE
from barograph.guard import CONFIGURATION, guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Signal: TypeAlias = Literal["metrics", "logs"]


class Exporters:
    """Makes exporters once, whichever thread asks first.

    Args:
        metrics: Makes the exporters of metrics.
        logs: Makes the exporters of log records.
    """

    def __init__(self, metrics: Callable[[], Sequence[Any]], logs: Callable[[], Sequence[Any]]) -> None:
        self._makers: dict[Signal, Callable[[], Sequence[Any]]] = {"metrics": metrics, "logs": logs}
        self._begin()

    def _begin(self) -> None:
        self._made: dict[Signal, Sequence[Any]] = {}

    def after_fork(self) -> None:
        """In the child: no connection is shared with the parent."""
        if any(".grpc" in type(one).__module__ for made in self._made.values() for one in made):
            guard.warn(
                CONFIGURATION,
                "grpc_fork",
                "this process was forked after its parent had sent telemetry over gRPC, which gRPC may not "
                "survive: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or GRPC_ENABLE_FORK_SUPPORT=true",
            )
        self._begin()

    def get(self, signal: Signal) -> Sequence[Any]:
        """The exporters of a signal; none where they can't be had, which is said once."""
        # One thread at a time: both would import the SDK, each from another end of its cycles.
        with GATE:
            made = self._made.get(signal)
            if made is None:
                try:
                    made = self._makers[signal]()
                except (ConfigError, ImportError) as error:
                    guard.warn(CONFIGURATION, f"no_{signal}_exporter", f"{signal} are not sent: {error}")
                    made = ()
                self._made[signal] = made
            return made

    def shutdown(self) -> None:
        """Stop all of them; one that hangs is left behind."""
        exporters, self._made = self._made, dict.fromkeys(self._makers, ())
        for made in exporters.values():
            for exporter in made:
                # An exporter's own shutdown may wait for its retries; the process shall not.
                stopping = threading.Thread(target=_quietly, args=(exporter.shutdown,), daemon=True)
                with suppress(RuntimeError):  # the interpreter is ending
                    stopping.start()


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the end has come; nobody can act on it
        guard.warn(CONFIGURATION, "exporter_shutdown", f"{type(error).__name__}: {error}")
