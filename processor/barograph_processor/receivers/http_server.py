"""An HTTP/1.1 server for one program: one thread that moves bytes, a few that answer, all of it bounded.

The standard library's `http.server` starts a thread for each connection and waits for ever; this one keeps
connections on an event loop, so that slow senders cost no thread, and gives whole requests to workers.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from barograph_processor.receivers.http_connection import Connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from barograph_processor.receivers.http_messages import Application, Bounds, Head

_BACKLOG: Final = 128
_BREATH_S: Final = 0.5
_log = logging.getLogger(__name__)


class HttpServer:
    """Serves from the moment it is made until it is closed.

    Attributes:
        host: Address that it listens at.
        port: The port that was really taken.
        bounds: What it holds at most.
        application: Who answers.
        stopping: Whether it is being closed.
    """

    def __init__(
        self,
        address: tuple[str, int],
        application: Application,
        *,
        bounds: Bounds,
        workers: int,
        secure: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Listen and serve.

        Args:
            address: Host and port; port 0 takes a free one.
            application: Who answers.
            bounds: What is held at most.
            workers: Requests answered at the same time.
            secure: Gives the TLS context of the next connection; None for plain text.

        Raises:
            OSError: The address can't be listened on.
        """
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._listener = socket.create_server(address, family=family, backlog=_BACKLOG)
        self._listener.setblocking(False)  # noqa: FBT003  # the socket's own name for it
        self.host, self.port = self._listener.getsockname()[:2]
        self.bounds = bounds
        self.application = application
        self.stopping = False
        self._secure = secure
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="barograph http")
        self._connections: set[Connection] = set()
        self._greetings: set[asyncio.Task[None]] = set()  # accepted, TLS handshake under way
        self._buffered = 0
        self._loop = asyncio.new_event_loop()
        self._closed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="barograph http", daemon=True)
        self._thread.start()

    def close(self, within_s: float) -> None:
        """Take no more requests, and wait until those under way have been answered.

        Args:
            within_s: After so long they are cut off.
        """
        stopping = asyncio.run_coroutine_threadsafe(self._stop(within_s), self._loop)
        stopping.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._loop.close()

    def opened(self, connection: Connection) -> None:
        """A connection begins."""
        self._connections.add(connection)
        if self.stopping:
            connection.abort()

    def closed(self, connection: Connection) -> None:
        """It has ended."""
        self._connections.discard(connection)
        self._closed.set()
        self._watch()

    def rested(self, connection: Connection) -> None:
        """It waits for its next request, and may have to make room."""
        if self.stopping:
            connection.retire()
        self._watch()

    def reserve(self, size: int) -> bool:
        """Take room for bytes of a body, if there is any."""
        if self._buffered + size > self.bounds.buffered_bytes:
            return False
        self._buffered += size
        return True

    def release(self, size: int) -> None:
        """Give room back."""
        self._buffered -= size

    def work(self, head: Head, body: bytes, connection: Connection) -> None:
        """Have a worker answer."""

        def answer() -> None:
            try:
                response = self.application.answer(head, body)
            except Exception:  # noqa: BLE001  # any fault of ours must leave the server running
                _log.exception("a request of %d bytes to %s failed", len(body), head.path)
                response = self.application.troubled(
                    head, 500, "the processor failed on this request; see its log"
                )
            self._loop.call_soon_threadsafe(connection.answered, response)

        self._workers.submit(answer)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._watch()
        self._loop.run_forever()

    def _watch(self) -> None:
        """Look for new connections, from now on or again."""
        if not self.stopping:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take one connection that waits, or see that there will be room for it."""
        if len(self._connections) + len(self._greetings) >= self.bounds.connections:
            self._loop.remove_reader(self._listener)
            self._make_room()
            return
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # it has left again
        except OSError as error:  # out of file descriptors
            _log.warning("a connection could not be accepted: %s", error)
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_BREATH_S, self._watch)
            return
        greeting = self._loop.create_task(self._greet(accepted))
        self._greetings.add(greeting)
        greeting.add_done_callback(functools.partial(self._greeted, accepted))

    def _make_room(self) -> None:
        """Close the connection that can best be missed: idle between requests, or slow to send its first."""
        longest = min(self._connections, key=lambda each: each.missed_from, default=None)
        if longest is None or longest.missed_from == math.inf:
            return  # all of them work; the next that rests or ends makes us look again
        wait_s = longest.missed_from - self._loop.time()
        if wait_s > 0:
            self._loop.call_later(wait_s, self._watch)
        else:
            longest.abort()

    def _greeted(self, accepted: socket.socket, greeting: asyncio.Task[None]) -> None:
        self._greetings.discard(greeting)
        if greeting.cancelled():
            accepted.close()
        self._watch()

    async def _greet(self, accepted: socket.socket) -> None:
        secure = self._secure
        try:
            accepted.setblocking(False)  # noqa: FBT003  # the socket's own name for it
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                lambda: Connection(self, self._loop),
                accepted,
                ssl=secure() if secure is not None else None,
                ssl_handshake_timeout=self.bounds.head_s if secure is not None else None,
            )
        except OSError as error:  # no TLS, a certificate that isn't trusted, or gone already
            _log.info("a connection failed before its first request: %s", error)
            accepted.close()

    async def _stop(self, within_s: float) -> None:
        self.stopping = True
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for greeting in list(self._greetings):
            greeting.cancel()
        await asyncio.gather(*self._greetings, return_exceptions=True)
        for connection in list(self._connections):
            connection.retire()
        await self._emptied(within_s)
        for connection in list(self._connections):
            connection.abort()
        await self._emptied(_BREATH_S)

    async def _emptied(self, within_s: float) -> None:
        """Wait until no connection is left, but no longer than that."""
        deadline = self._loop.time() + within_s
        while self._connections and self._loop.time() < deadline:
            self._closed.clear()
            try:
                await asyncio.wait_for(self._closed.wait(), deadline - self._loop.time())
            except asyncio.TimeoutError:
                return
