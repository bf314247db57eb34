"""Whether what the variables name takes telemetry, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from barograph_processor.cli.doctor.asking import ask, ask_health
from barograph_processor.cli.doctor.destinations import (
    PORTS,
    PREFIX,
    SIGNALS,
    destinations,
    port_advice,
    variable,
)
from barograph_processor.cli.doctor.findings import Finding
from barograph_processor.cli.doctor.reaching import (
    Trouble,
    is_http1,
    is_http2,
    is_tls,
    listening,
    tls_trouble,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from barograph_processor.cli.doctor.asking import Answer
    from barograph_processor.cli.doctor.destinations import Destination

_GROUP: Final = "endpoint"
_UNKNOWN_SENDER: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED", "HTTP 401", "HTTP 403")
_NO_SUCH_THING: Final = ("UNIMPLEMENTED", "HTTP 404", "HTTP 405")


def endpoint_findings(environ: Mapping[str, str], timeout_s: float) -> Iterator[Finding]:
    """One finding for each signal, and what answers.

    Args:
        environ: The environment of the service.
        timeout_s: How long to wait for each answer.
    """
    found = list(destinations(environ))
    for signal in SIGNALS:
        if all(each.signal != signal for each in found):
            yield Finding(_GROUP, signal, "skipped", "no exporter sends them by OTLP")
    reached: dict[tuple[object, ...], Trouble | None] = {}
    answering: list[Destination] = []
    for each in found:
        if each.target is None:
            name = variable(environ, each.signal, "ENDPOINT")
            yield Finding(_GROUP, each.told, "failed", each.problem, f"correct {name} or what belongs to it")
            continue
        place = (*each.where, *each.target[2:4], *each.target[7:])
        if place not in reached:
            reached[place] = reach(each, timeout_s)
        trouble = reached[place] or export_trouble(each, b"", environ, timeout_s)
        if trouble is None:
            answering.append(each)
            yield Finding(_GROUP, each.told, "ok", "it takes an empty request")
        else:
            yield Finding(_GROUP, each.told, "failed", *trouble)
    yield from _behind(answering, timeout_s)


def reach(destination: Destination, timeout_s: float) -> Trouble | None:
    """Why no connection comes about; None where one does."""
    target = destination.target
    assert target is not None
    trouble = listening(*destination.where, timeout_s)
    if trouble is None and target.secure:
        trouble = tls_trouble(target, *destination.where, timeout_s)
    return trouble


def export_trouble(
    destination: Destination, request: bytes, environ: Mapping[str, str], timeout_s: float
) -> Trouble | None:
    """Why a request is not taken; None where it is.

    Args:
        destination: Where it goes; a connection comes about.
        request: The request.
        environ: The environment of the service.
        timeout_s: How long to wait for the answer.
    """
    assert destination.target is not None
    answer = ask(destination.target, request, timeout_s)
    return None if answer.taken else explained(answer, destination, environ, timeout_s)


def explained(
    answer: Answer, destination: Destination, environ: Mapping[str, str], timeout_s: float
) -> Trouble:
    """Why a request was not taken, by its answer and by what is spoken there instead."""
    target = destination.target
    assert target is not None
    said = ": ".join(filter(None, (answer.code, answer.detail)))
    if answer.code in _UNKNOWN_SENDER:
        return _unknown_sender(said, destination, environ)
    wrong = _wrong_speech(destination, timeout_s)
    if wrong is not None:
        return wrong
    if answer.code in _NO_SUCH_THING:
        return Trouble(
            f"it takes no {destination.signal} ({said})",
            f"give the Collector a {destination.signal} pipeline whose receiver is otlp"
            + ("" if target.protocol == "grpc" else ", or correct the path of the address"),
        )
    return Trouble(f"it does not take an export request ({said})", "look into its log")


def _unknown_sender(said: str, destination: Destination, environ: Mapping[str, str]) -> Trouble:
    assert destination.target is not None
    headers = variable(environ, destination.signal, "HEADERS")
    if any(key.lower() == "authorization" for key, _ in destination.target.headers):
        return Trouble(
            f"it refuses the token that is sent ({said})",
            f"put a token that it knows into {headers}: authorization=Bearer%20<token>",
        )
    return Trouble(f"it wants to know who sends ({said})", f"set {headers}=authorization=Bearer%20<token>")


def _wrong_speech(destination: Destination, timeout_s: float) -> Trouble | None:
    """What is spoken there instead; None where it is what is spoken here."""
    target = destination.target
    assert target is not None
    host, port = destination.where
    if not target.secure and is_tls(host, port, timeout_s):
        return Trouble("it speaks TLS, and plain text is sent", f"write https://{host}:{port}")
    other = port_advice(destination)
    if target.protocol == "grpc" and is_http1(host, port, timeout_s, secure=target.secure):
        advice = other or f"set {PREFIX}PROTOCOL=http/protobuf, or use the port of gRPC ({PORTS['grpc']})"
        return Trouble("it speaks HTTP/1.1, and gRPC is sent", advice)
    if target.protocol != "grpc" and is_http2(host, port, timeout_s, secure=target.secure):
        http_port = PORTS["http/protobuf"]
        advice = other or f"set {PREFIX}PROTOCOL=grpc, or use the port of HTTP ({http_port})"
        return Trouble("it speaks gRPC, and HTTP/1.1 is sent", advice)
    return None


def _behind(answering: list[Destination], timeout_s: float) -> Iterator[Finding]:
    """Whether it is a processor that answers, which has gRPC's health service, or a Collector."""
    asked = set()
    for each in answering:
        if each.target is None or each.target.protocol != "grpc" or each.where in asked:
            continue
        asked.add(each.where)
        code = ask_health(each.target, timeout_s).code
        name = f"{each.where[0]}:{each.where[1]}"
        if code == "SERVING":
            yield Finding(_GROUP, name, "ok", "gRPC's health service says SERVING")
        elif code == "NOT_SERVING":
            yield Finding(
                _GROUP, name, "failed", "gRPC's health service says NOT_SERVING",
                "look at /readyz of the processor, which says why",
            )  # fmt: skip
        else:
            yield Finding(
                _GROUP, name, "skipped", "it has no health service, as Collectors have none on this port"
            )
