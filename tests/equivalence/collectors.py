"""The ways through a real Collector, with a configuration that we ship."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from barograph.semconv import attributes, processor
from contract.shipped import FOLDER, GATEWAY_PORTS, LISTENING, PORTS
from contract.waiting import until
from equivalence.patterns import drained, requests_of, running_with, send_to, untidy
from real.collector import collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import pytest

    from cli.processes import Running
    from equivalence.data import Data
    from equivalence.patterns import Figures

POINTS = processor.BAROGRAPH_RECEIVER_ACCEPTED_METRIC_POINTS
RECORDS = processor.BAROGRAPH_RECEIVER_ACCEPTED_LOG_RECORDS


def sidecar_collector(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """A Collector beside the service takes what it sends to this machine, and passes it on."""
    (found,) = _through("sidecar.yaml", data, folder, ["NEXT"])
    return found


def gateway(data: Data, folder: Path, _: pytest.MonkeyPatch) -> Figures:
    """Collectors give each model one of two processors; the other never hears of it."""
    first, second = _through("gateway.yaml", data, folder, ["FIRST", "SECOND"])
    assert not (first and second)
    return first | second


PATTERNS: dict[str, Callable[[Data, Path, pytest.MonkeyPatch], Figures]] = {
    each.__name__: each for each in (sidecar_collector, gateway)
}


def _through(file: str, data: Data, folder: Path, owners: Sequence[str]) -> list[Figures]:
    """What each owner found of traffic that went through a Collector."""
    requests = untidy(requests_of(data, rows="off", points=True))
    wanted = _items(requests)
    with ExitStack() as stack:
        running = [stack.enter_context(running_with(data, folder, "")) for _ in owners]
        environ = {name: one.otlp for name, one in zip(owners, running, strict=True)}
        with collector(
            FOLDER / file,
            folder,
            ports=GATEWAY_PORTS if file == "gateway.yaml" else PORTS,
            environ={**LISTENING, "STORAGE": str(folder / "queue"), **environ},
        ) as between:
            send_to(between.endpoint("otlp"), requests)
            until(
                lambda: all(_accepted(running, name) >= count for name, count in wanted.items()),
                otherwise=between.said,
            )
            assert 0 == between.stop()
        return [drained(one) for one in running]


def _items(requests: Iterable[tuple[str, bytes]]) -> Counter[str]:
    """Items that name a model, by the counter of the processor that counts them."""
    found: Counter[str] = Counter()
    for signal, data in requests:
        items: list[Any]
        if signal == "logs":
            logs = ExportLogsServiceRequest.FromString(data)
            items = [one for a in logs.resource_logs for b in a.scope_logs for one in b.log_records]
        else:
            metrics = ExportMetricsServiceRequest.FromString(data)
            every: list[Any] = [
                c for a in metrics.resource_metrics for b in a.scope_metrics for c in b.metrics
            ]
            items = [
                one for metric in every for one in getattr(metric, metric.WhichOneof("data")).data_points
            ]
        named = (any(pair.key == attributes.ML_MODEL_NAME for pair in one.attributes) for one in items)
        found[RECORDS if signal == "logs" else POINTS] += sum(named)
    return found


def _accepted(running: Iterable[Running], name: str) -> float:
    lines = [line for one in running for line in one.scrape().splitlines()]
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}_total "))
