"""What `barograph run` says when it starts and stops as an edge."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from barograph_processor.cli.startup import baseline_line, endpoints, next_step, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.patterns.forward_opening import Forwarding


def describe_edge(edge: Forwarding) -> str:
    """What listens where, where it is passed on to, and what to do next."""
    return "\n".join([f"barograph {version('barograph')}", *_rows(edge)])


def farewell_of_edge(edge: Forwarding) -> str:
    """What became of what was taken."""
    did = f"took {edge.forwarder.accepted:,} items"
    waiting = edge.forwarder.waiting_bytes
    if not waiting:
        return f"stopped; {did}, and passed everything on"
    directory = edge.config.storage.directory
    if directory is None:
        return f"stopped; {did}; {waiting:,} bytes could not be passed on (--storage DIR keeps them)"
    return f"stopped; {did}; {waiting:,} bytes wait in {directory} for the next start"


def _rows(edge: Forwarding) -> Iterator[str]:
    yield from receiving(edge)
    yield f"  passing on to {edge.endpoint}, every {edge.interval}; no windows are made here"
    for name, endpoint in endpoints(edge.graph.exporters).items():
        yield f"  itself     {name} at http://{endpoint}/metrics"
    for baseline in edge.baselines:
        yield f"  baseline   {baseline_line(baseline)}"
    if not edge.baselines:
        yield "  baseline   none: give edges those that windows are compared with"
    yield f"  state      {_state(edge)}"
    yield from next_step(edge)


def _state(edge: Forwarding) -> str:
    directory = edge.config.storage.directory
    if directory is None:
        return "in memory (--storage DIR keeps what could not be passed on over a restart)"
    if edge.left is None:
        return f"{directory}, nothing left there"
    requests, batches = edge.left
    return f"{directory}, with {requests:,} requests and {batches:,} batches of the last run"
