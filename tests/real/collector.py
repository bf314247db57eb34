"""A real OpenTelemetry Collector with a configuration of the test's, or one that we ship.

    with collector(CONFIG, tmp_path, ports=("otlp",), environ={"UPSTREAM": "127.0.0.1:4317"}) as running:
        send(running.endpoint("otlp"), …)
        assert "…" in running.said()

In the configuration ``${env:PORT_OTLP}`` stands for the port named ``otlp``, and likewise for others.
The Collector's own metrics are served too: ``running.metrics()``. To restart one in place, stop or kill
it and open another with ``keep=running.ports`` and the same folder.
"""

from __future__ import annotations

import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .processes import PortTaken, Process, free_ports, process
from .programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OWN_METRICS = "own_metrics"
TRIES = 3
ANSWER_S = 60.0
# A Collector v0.155 listens for all signals as soon as the pipelines of one of them run; what comes for
# another by then ends it, or is answered and lost.
READY = "Everything is ready"


class Collector:
    """A Collector that runs; what isn't here is in `Process`."""

    def __init__(self, running: Process) -> None:
        self.process = running
        self.ports = running.ports
        self.endpoint = running.endpoint
        self.said = running.said
        self.stop = running.stop
        self.kill = running.kill

    def metrics(self) -> str:
        """What it says about itself, in Prometheus' text format."""
        url = f"http://{self.endpoint(OWN_METRICS)}/metrics"
        with urllib.request.urlopen(url, timeout=ANSWER_S) as response:
            return str(response.read().decode())

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of one of its own metrics that have these labels; 0 where there are none."""
        total = 0.0
        for line in self.metrics().splitlines():
            series, _, value = line.rpartition(" ")
            found, _, rest = series.partition("{")
            if found == name and all(f'{key}="{text}"' in rest for key, text in labels.items()):
                total += float(value)
        return total


@contextmanager
def collector(  # one Collector, with what surrounds it
    config: str | Path | Sequence[str | Path],
    folder: Path,
    *,
    ports: Sequence[str] = ("otlp",),
    environ: Mapping[str, str] | None = None,
    keep: Mapping[str, int] | None = None,
    name: str = "otelcol",
) -> Iterator[Collector]:
    """Run a Collector for as long as the context lasts.

    Args:
        config: YAML text, the path of a file, or several of these, merged by the Collector.
        folder: Where its log (``<name>.log``) and configuration are kept.
        ports: Names of the ports that the configuration listens on, ``${env:PORT_<NAME>}`` in it.
        environ: What else the configuration refers to.
        keep: Ports of an earlier Collector to listen on again.
        name: The program, ``otelcol`` or ``otelcol-filelog``.

    Raises:
        NotStarted: It refused the configuration, or didn't listen in time.
    """
    for attempt in range(TRIES):
        chosen = dict(keep) if keep else free_ports(*ports, OWN_METRICS)
        with ExitStack() as stack:
            try:
                running = stack.enter_context(
                    process(
                        [program(name), *_arguments(config, folder, chosen[OWN_METRICS])],
                        log=folder / f"{name}.log",
                        ports=chosen,
                        environ={**(environ or {}), **variables(chosen)},
                        says=READY,
                    )
                )
            except PortTaken:
                if keep or attempt == TRIES - 1:
                    raise
                continue
            yield Collector(running)
            return


def variables(ports: Mapping[str, int]) -> dict[str, str]:
    """The environment that tells a configuration its ports.

    >>> variables({"otlp": 4317})
    {'PORT_OTLP': '4317'}
    """
    return {f"PORT_{name.upper()}": str(port) for name, port in ports.items()}


def _arguments(config: str | Path | Sequence[str | Path], folder: Path, own_metrics: int) -> list[str]:
    parts = [config] if isinstance(config, str | Path) else list(config)
    paths: list[Path] = []
    for index, part in enumerate(parts):
        if isinstance(part, Path):
            paths.append(part)
            continue
        paths.append(folder / f"collector-{index}.yaml")
        paths[-1].write_text(part, encoding="utf-8")
    served = {"prometheus": {"host": "127.0.0.1", "port": own_metrics}}
    readers = {"level": "detailed", "readers": [{"pull": {"exporter": served}}]}
    last = folder / "own-metrics.yaml"
    last.write_text(yaml.safe_dump({"service": {"telemetry": {"metrics": readers}}}), encoding="utf-8")
    return [f"--config={path}" for path in (*paths, last)]
