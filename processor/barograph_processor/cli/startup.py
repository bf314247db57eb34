"""What `barograph run` says when it starts and when it stops."""

from __future__ import annotations

import glob
import os
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from barograph_processor.components.api import Listens
from barograph_processor.config.endpoints import Sends, is_loopback, split_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph.baseline import Baseline
    from barograph_processor.components.api import Listener
    from barograph_processor.patterns.forward_opening import Forwarding
    from barograph_processor.patterns.opening import Running

ID_LENGTH = 12


@runtime_checkable
class _Follows(Protocol):
    """The settings of a receiver that reads files."""

    include: Sequence[str]


def describe(running: Running) -> str:
    """What listens where, what is compared with what, and what to do next."""
    return "\n".join([f"barograph {version('barograph')}", *_rows(running)])


def describe_json(running: Running | Forwarding) -> dict[str, object]:
    """The same for programs: where it really listens, also where port 0 was asked for."""
    return {
        "event": "started",
        "version": version("barograph"),
        "receivers": {
            name: {each.protocol: each.endpoint for each in listeners}
            for name, listeners in _receiving(running).items()
        },
        "exporters": endpoints(running.graph.exporters),
        "baselines": [
            {
                "model": each.header.model,
                "version": each.header.version,
                "id": each.id,
                "rows": each.header.rows,
            }
            for each in running.baselines
        ],
    }


def farewell(running: Running) -> str:
    """What became of the unfinished windows."""
    service = running.service
    did = f"closed {service.closed_windows:,} windows ({service.revised_windows:,} revisions)"
    directory = running.config.storage.directory
    if directory is None:
        return f"stopped; {did}; unfinished windows are gone (--storage DIR keeps them over a restart)"
    return f"stopped; {did}; unfinished windows are kept in {directory} for the next start"


def endpoints(components: Mapping[str, object]) -> dict[str, str]:
    """Where each component that listens does so."""
    found = {name: getattr(component, "endpoint", None) for name, component in components.items()}
    return {name: str(endpoint) for name, endpoint in found.items() if endpoint}


def _receiving(running: Running | Forwarding) -> dict[str, Sequence[Listener]]:
    receivers = running.graph.receivers.items()
    return {name: receiver.listeners for name, receiver in receivers if isinstance(receiver, Listens)}


def _following(running: Running | Forwarding) -> dict[str, Sequence[str]]:
    """The receivers that read files, and which ones."""
    receivers = running.config.receivers.items()
    return {name: settings.include for name, settings in receivers if isinstance(settings, _Follows)}


def openness(listener: Listener) -> str:
    """What is to be feared of an address that other machines reach; nothing for the others."""
    if is_loopback(split_address(listener.endpoint)[0]) or (listener.secure and listener.authenticated):
        return ""
    if not listener.authenticated:
        return "whoever reaches this address can send: set auth.bearer, or tls.client_ca_file"
    return "tokens come in plain text here: set tls.cert_file and tls.key_file"


def receiving(running: Running | Forwarding) -> Iterator[str]:
    """A line for each address that can be sent to, and what is to be feared of it."""
    for name, listeners in _receiving(running).items():
        for listener in listeners:
            yield f"  receiving  {name} at {listener.endpoint} ({listener.protocol})"
            feared = openness(listener)
            if feared:
                yield f"             {feared}"
    for name, patterns in _following(running).items():
        there = sum(1 for each in patterns for _ in glob.iglob(each, recursive=True))  # noqa: PTH207  # as it reads
        yield f"  receiving  {name} in {', '.join(patterns)} ({there or 'none'} there now)"


def next_step(running: Running | Forwarding) -> Iterator[str]:
    """What to do now."""
    for listeners in _receiving(running).values():
        for listener in listeners[:1]:
            address = f"{'https' if listener.secure else 'http'}://{listener.endpoint}"
            yield f"  next       OTEL_EXPORTER_OTLP_ENDPOINT={address} in your service; Ctrl-C stops"
            return
    if _following(running):
        yield "  next       what is written there is read; Ctrl-C stops"


def _rows(running: Running) -> Iterator[str]:
    config = running.config
    exporting = endpoints(running.graph.exporters)
    yield from receiving(running)
    for name, settings in config.exporters.items():
        if name in exporting:
            yield f"  results    http://{exporting[name]}/metrics"
        elif isinstance(settings, Sends):
            yield f"  results    {name} to {', '.join(dict.fromkeys(settings.targets(os.environ)))}"
        else:
            yield f"  results    {name}"
    for baseline in running.baselines:
        yield f"  baseline   {baseline_line(baseline)}"
    others = "other models" if running.baselines else "every model"
    yield f"  baseline   {others}: learned from the first {config.engine.learn_rows:,} predictions"
    names = ", ".join(str(name) for name in config.windows)
    own = [name for name, model in config.models.items() if model.windows is not None]
    yield (
        f"  windows    {names}" + (f" ({', '.join(own)}: as configured)" if own else "")
        + f", in panes of {config.engine.pane}; labels are awaited for {config.labels.within}"
    )  # fmt: skip
    yield f"  state      {_state(running)}"
    yield from next_step(running)


def baseline_line(baseline: Baseline) -> str:
    """Whose it is, its id, and where it comes from."""
    header = baseline.header
    origin = "learned" if header.learned else "given"
    return f"{header.model}:{header.version}  {baseline.id[:ID_LENGTH]}  {header.rows:,} rows, {origin}"


def _state(running: Running) -> str:
    directory = running.config.storage.directory
    if directory is None:
        return "in memory (--storage DIR keeps unfinished windows and pending labels over a restart)"
    if running.config.storage.durability == "disk":
        directory += ", acknowledged from disk"
    saved = running.past.saved
    if saved is None:
        return f"{directory}, nothing unfinished there"
    kept = datetime.fromtimestamp(saved.saved_unix_nano / 1e9, tz=timezone.utc)
    when = f"{kept:%Y-%m-%d %H:%M:%S} UTC"
    if running.past.acknowledged:
        return f"{directory}, with the checkpoint of {when} and what was acknowledged since"
    return f"{directory}, with the unfinished windows of {when}"
