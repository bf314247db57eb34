"""One HTTP/1.1 connection: bytes in, requests to the program, answers out, every wait bounded.

h11 knows the protocol; this class knows time and room. A request under way has been read whole, and nothing
more is read from its connection until it has been answered.
"""

from __future__ import annotations

import asyncio
import math
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Protocol, cast

import h11

from barograph_processor.receivers.http_messages import Head, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from barograph_processor.receivers.http_messages import Application, Bounds

_HEAD_BYTES: Final = 32 * 1024
_NO_BODY: Final = ("0", None)
_CONTINUE: Final = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")


class Owner(Protocol):
    """What a connection needs of its server."""

    bounds: Bounds
    application: Application
    stopping: bool

    def opened(self, connection: Connection) -> None:
        """A connection begins."""

    def closed(self, connection: Connection) -> None:
        """It has ended."""

    def rested(self, connection: Connection) -> None:
        """It waits for its next request."""

    def reserve(self, size: int) -> bool:
        """Ask for room for bytes of a body."""

    def release(self, size: int) -> None:
        """Give room back."""

    def work(self, head: Head, body: bytes, connection: Connection) -> None:
        """Have a request answered by a worker; `Connection.answered` is called on the event loop."""


class Connection(asyncio.Protocol):
    """Bytes of one connection.

    Attributes:
        missed_from: Loop time from which it may be closed for another's sake; infinite while a request is
            under way.
    """

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._loop = loop
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._head: Head | None = None
        self._parts: list[bytes | bytearray] = []
        self._size = 0
        self._refusal: Response | None = None
        self._lingering = False
        self._working = False
        self.missed_from = loop.time() + owner.bounds.grace_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        self._owner.opened(self)
        self._within(self._owner.bounds.head_s, self._shut)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was read."""
        del exc
        self._transport = None
        self._stop_waiting()
        if not self._working:  # else the body is still held by a worker
            self._rest()
        self._owner.closed(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if not self._lingering:
            self._protocol.receive_data(data)
            self._advance()

    def eof_received(self) -> bool:
        """The other side sends no more; it may still read."""
        if self._lingering or not self._working:
            return False
        self._protocol.receive_data(b"")
        return True

    def retire(self) -> None:
        """Close now if no request is under way, else after its answer."""
        if self._head is None and not self._working:
            self._shut()

    def abort(self) -> None:
        """Close whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def _advance(self) -> None:
        """Take what is there of the next request."""
        try:
            while not self._lingering and not self._working:
                event = self._protocol.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._collect(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._submit()
                else:
                    self._shut()
                    return
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, f"this isn't HTTP/1.1 as it should be: {error}")

    def _begin(self, request: h11.Request) -> None:
        target = request.target.decode("ascii", "replace")
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in request.headers}
        self._head = Head(request.method.decode("ascii"), target.partition("?")[0], headers)
        self.missed_from = math.inf
        self._within(self._owner.bounds.body_s, self._too_slow)
        if "content-length" in headers and "transfer-encoding" in headers:
            # A proxy before us may believe the other one, and take for a body what we take for a request.
            self._refuse(400, "the request has both Content-Length and Transfer-Encoding; send one of them")
            return
        refusal = self._owner.application.admit(self._head)
        limit = self._owner.bounds.body_bytes
        if refusal is not None and self._has_body(headers):
            self._send(refusal, close=True)
        elif refusal is not None:
            self._refusal = refusal
        elif int(headers.get("content-length", "0")) > limit:
            self._refuse(413, self._too_large(limit))
        elif self._protocol.they_are_waiting_for_100_continue:
            self._write(self._protocol.send(_CONTINUE))

    @staticmethod
    def _has_body(headers: dict[str, str]) -> bool:
        return headers.get("content-length") not in _NO_BODY or "transfer-encoding" in headers

    @staticmethod
    def _too_large(limit: int) -> str:
        return f"the body is larger than {limit:,} bytes; send fewer items in a request"

    def _collect(self, data: bytes | bytearray) -> None:
        limit = self._owner.bounds.body_bytes
        if self._size + len(data) > limit:
            self._refuse(413, self._too_large(limit))
        elif not self._owner.reserve(len(data)):
            self._refuse(503, "too many bytes of requests are waiting here; send this one again later")
        else:
            self._size += len(data)
            self._parts.append(data)

    def _submit(self) -> None:
        assert self._head is not None
        assert self._transport is not None
        if self._refusal is not None:
            self._send(self._refusal, close=self._owner.stopping)
            return
        self._stop_waiting()
        self._working = True
        self._transport.pause_reading()
        body = b"".join(self._parts)
        self._parts = []
        self._owner.work(self._head, body, self)

    def answered(self, response: Response) -> None:
        """Send the answer of a worker, then look for the next request."""
        self._working = False
        if self._transport is None:
            self._rest()
            return
        self._transport.resume_reading()
        self._send(response, close=self._owner.stopping)
        self._advance()

    def _too_slow(self) -> None:
        self._refuse(408, "the request took too long to arrive")

    def _refuse(self, status: int, message: str) -> None:
        """Answer what the program never sees, and close."""
        if self._protocol.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(self._owner.application.troubled(self._head, status, message), close=True)
        else:
            self._shut()

    def _send(self, response: Response, *, close: bool) -> None:
        headers = [("Date", formatdate(usegmt=True)), ("Content-Length", str(len(response.body)))]
        headers += [("Content-Type", response.content_type)] if response.content_type else []
        headers += response.headers
        headers += [("Connection", "close")] if close else []
        is_head = self._head is not None and self._head.method == "HEAD"
        protocol = self._protocol
        self._write(
            (protocol.send(h11.Response(status_code=response.status, headers=headers)) or b"")
            + (b"" if is_head else protocol.send(h11.Data(data=response.body)) or b"")
            + (protocol.send(h11.EndOfMessage()) or b"")
        )
        self._rest()
        if protocol.our_state is h11.DONE and protocol.their_state is h11.DONE:
            protocol.start_next_cycle()
            self._within(self._owner.bounds.idle_s, self._shut)
            self._owner.rested(self)
        elif protocol.their_state is h11.SEND_BODY:
            self._linger()
        else:
            self._shut()

    def _write(self, data: bytes | None) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _rest(self) -> None:
        self._stop_waiting()
        self._owner.release(self._size)
        self._head = None
        self._refusal = None
        self._parts = []
        self._size = 0
        self.missed_from = self._loop.time()

    def _linger(self) -> None:
        """Swallow what still comes for a while: closing at once could take our answer back."""
        self._lingering = True
        if self._transport is not None:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._within(self._owner.bounds.linger_s, self._shut)

    def _shut(self) -> None:
        self._stop_waiting()
        if self._transport is not None:
            self._transport.close()

    def _within(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._deadline = self._loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
