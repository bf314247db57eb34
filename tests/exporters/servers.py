"""Servers on loopback that keep what exporters send, and answer what a test wants."""

from __future__ import annotations

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from certificates import Pair


class Taken:
    """What a server got, and what it shall answer."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes, dict[str, str]]] = []
        self.response = b""
        self.abort: Callable[[grpc.ServicerContext], None] | None = None
        self.status = 200
        self.headers: dict[str, str] = {}


@contextmanager
def grpc_server(taken: Taken, port: int = 0, pair: Pair | None = None) -> Iterator[str]:
    def method(service: str) -> grpc.RpcMethodHandler:
        def export(data: bytes, context: grpc.ServicerContext) -> bytes:
            sent = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            taken.requests.append((f"/{service}/Export", data, sent))
            if taken.abort is not None:
                taken.abort(context)
            return taken.response

        return grpc.unary_unary_rpc_method_handler(export)

    handlers = [
        grpc.method_handlers_generic_handler(service, {"Export": method(service)})
        for service in (
            "opentelemetry.proto.collector.logs.v1.LogsService",
            "opentelemetry.proto.collector.metrics.v1.MetricsService",
        )
    ]
    server = grpc.server(ThreadPoolExecutor(2), handlers=handlers)
    if pair is None:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        certificate, key = pair.read()
        port = server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait(60)


@contextmanager
def hasty_server(answer: bytes) -> Iterator[str]:
    """Answers and resets the connection, as Go does where plain text comes instead of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(60)
                connection.recv(1)
                connection.sendall(answer)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            thread.join(60)


@contextmanager
def http_server(taken: Taken) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            sent = {key.lower(): value for key, value in self.headers.items()}
            taken.requests.append((self.path, data, sent))
            self.send_response(taken.status)
            for name, value in taken.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(taken.response)))
            self.end_headers()
            self.wfile.write(taken.response)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
