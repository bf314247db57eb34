"""A prediction and its label go the way that everything goes; the processor says whether they arrived."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Final

from barograph.sinks import masked as without_password
from barograph_processor.cli.doctor.asking import ask
from barograph_processor.cli.doctor.destinations import for_predictions
from barograph_processor.cli.doctor.endpoint import explained, reach
from barograph_processor.cli.doctor.findings import Finding
from barograph_processor.cli.doctor.probe import left_out, logs_request, metrics_request
from barograph_processor.cli.doctor.processor import DEFAULT, told_by
from barograph_processor.engine.probes import PROBE_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from barograph_processor.cli.doctor.destinations import Destination

_GROUP: Final = "round trip"
_LOOK_EVERY_S: Final = 0.1
_OK: Final = 200
_REQUESTS: Final = {"logs": logs_request, "metrics": metrics_request}


def round_trip_findings(
    environ: Mapping[str, str], processor: str | None, timeout_s: float
) -> Iterator[Finding]:
    """Send a probe and wait for it.

    Args:
        environ: The environment of the service.
        processor: Where the processor serves ``/metrics``; None: at the usual place.
        timeout_s: How long to wait for each answer, and for the arrival.
    """
    name = f"doctor-{uuid.uuid4().hex}"
    sent: list[Destination] = []
    found = for_predictions(environ)
    if not found:
        yield Finding(
            _GROUP, "sending", "skipped", "neither predictions nor counts are sent by OTLP from here"
        )
        return
    for each in found:
        problem = _send(each, name, environ, timeout_s)
        if problem is None:
            sent.append(each)
        else:
            yield problem
    if sent:
        yield from _arrival(name, sent, processor or DEFAULT, timeout_s)


def _send(each: Destination, name: str, environ: Mapping[str, str], timeout_s: float) -> Finding | None:
    """Send one request of a probe; what stood in the way."""
    if each.target is None:
        return Finding(_GROUP, each.told, "failed", f"not sent: {each.problem}", "see the endpoint")
    trouble = reach(each, timeout_s)
    if trouble is None:
        answer = ask(each.target, _REQUESTS[each.signal](name, time.time_ns()), timeout_s)
        if not answer.taken:
            trouble = explained(answer, each, environ, timeout_s)
        elif reason := left_out(each.signal, answer.body):
            return Finding(
                _GROUP, each.told, "failed", f"the probe was refused: {reason}",
                f"look which limit or filter refuses {each.signal} of the model {PROBE_MODEL}",
            )  # fmt: skip
    return (
        None
        if trouble is None
        else Finding(_GROUP, each.told, "failed", f"not sent: {trouble.said}", trouble.advice)
    )


def _arrival(name: str, sent: Sequence[Destination], processor: str, timeout_s: float) -> Iterator[Finding]:
    where = without_password(processor)
    signals = {each.signal for each in sent}
    wanted = {"predictions", "labels", "joined"} if "logs" in signals else set()
    wanted |= {"points"} if "metrics" in signals else set()
    problem, arrived = _waited(name, wanted, processor, timeout_s)
    if problem:
        yield Finding(
            _GROUP, where, "failed",
            f"the probe was taken, and nobody can say whether it arrived: {problem}",
            "give --processor the address where the processor behind everything serves /metrics",
        )  # fmt: skip
        return
    through = {
        each.signal: without_password(each.target.endpoint) for each in sent if each.target is not None
    }
    if "logs" in signals:
        yield _joined(arrived, through["logs"], where, timeout_s)
    if "metrics" in signals:
        counted = "points" in arrived
        yield Finding(
            _GROUP, "counts", "ok" if counted else "failed",
            "they arrived" if counted else _lost("counts", through["metrics"], where, timeout_s),
            "" if counted else _look("metrics"),
        )  # fmt: skip


def _waited(name: str, wanted: set[str], processor: str, timeout_s: float) -> tuple[str, set[str]]:
    """Why the processor can't be asked, and what of a probe arrived in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while True:
        answer = told_by(processor, f"/-/probe/{name}", timeout_s)
        if answer.code == 0:
            return "it does not answer operators there", set()
        if answer.values.get("passed_on"):
            return "what answers there passes telemetry on", set()
        if answer.code != _OK or "joined" not in answer.values:
            return f"what answers (HTTP {answer.code}) is no processor of this version", set()
        arrived = {key for key in wanted if answer.values.get(key)}
        if arrived >= wanted or time.monotonic() >= deadline:
            return "", arrived
        pause.wait(_LOOK_EVERY_S)


def _joined(arrived: set[str], through: str, where: str, timeout_s: float) -> Finding:
    check = "prediction and label"
    if "joined" in arrived:
        return Finding(_GROUP, check, "ok", f"both went through {through}, arrived at {where} and joined")
    if arrived >= {"predictions", "labels"}:
        return Finding(
            _GROUP, check, "failed", f"both arrived at {where} and did not join",
            "look whether something on the way changes ml.inference.id, or the model's name",
        )  # fmt: skip
    if "predictions" in arrived or "labels" in arrived:
        lost, kept = ("label", "prediction") if "predictions" in arrived else ("prediction", "label")
        return Finding(
            _GROUP, check, "failed", f"the {kept} arrived at {where}, the {lost} didn't",
            "look for a filter in the Collector that drops log records by event name",
        )  # fmt: skip
    return Finding(_GROUP, check, "failed", _lost("they", through, where, timeout_s), _look("logs"))


def _lost(what: str, through: str, where: str, timeout_s: float) -> str:
    return f"{what} were taken by {through} and did not arrive at {where} within {timeout_s:g} s"


def _look(signal: str) -> str:
    return (
        f"look whether the {signal} pipeline of the Collector has an exporter to this processor, and into "
        f"its log; where several processors share models, ask the one that has {PROBE_MODEL}"
    )
