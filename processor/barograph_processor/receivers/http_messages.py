"""What an HTTP server hands to the program behind it, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Head(NamedTuple):
    """A request before its body.

    Attributes:
        method: ``POST``, in capitals as sent.
        path: Without the query.
        headers: Names in small letters; of a repeated one the last counts.
    """

    method: str
    path: str
    headers: Mapping[str, str]


class Response(NamedTuple):
    """An answer.

    Attributes:
        status: The three digits.
        body: May be empty.
        content_type: Of the body; ``""`` for none.
        headers: Further ones.
    """

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Application(Protocol):
    """The program behind a server."""

    def admit(self, head: Head) -> Response | None:
        """Look at a request before its body is read: an answer to refuse it, None to read on.

        Called on the event loop, so it must not wait.
        """

    def answer(self, head: Head, body: bytes) -> Response:
        """Answer a whole request. Called on a worker thread."""

    def troubled(self, head: Head | None, status: int, message: str) -> Response:
        """The answer to what the server itself refuses: too slow, too large, no HTTP at all."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one server holds at most, and how long it waits.

    Attributes:
        connections: Open at the same time; a further one takes the place of the one that can best be
            missed, or waits.
        body_bytes: Largest body as sent.
        buffered_bytes: Bodies of all connections together.
        head_s: For a request's head to arrive whole, and for a TLS handshake.
        body_s: For its body.
        idle_s: Between two requests of a connection.
        linger_s: After a refusal, for the sender to read it before the connection goes.
    """

    connections: int
    body_bytes: int
    buffered_bytes: int
    head_s: float
    body_s: float
    idle_s: float
    linger_s: float = 2.0

    @property
    def grace_s(self) -> float:
        """A new connection is left alone for so long, even where others wait for its place."""
        return self.head_s / 10
