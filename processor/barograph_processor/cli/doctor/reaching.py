"""Whether something listens at an address, and what it speaks: TLS, HTTP/1.1, HTTP/2."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from barograph_processor.exporters.otlp_target import Target

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_QUESTION: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_SETTINGS: Final = 4
_FRAME_HEAD_BYTES: Final = 9
_SILENCE_S: Final = 0.3
_EXPIRED, _NOT_YET, _WRONG_HOST = 10, 9, 62  # X509_V_ERR_… of OpenSSL
_UNKNOWN_ISSUER: Final = (18, 19, 20, 21)


class Trouble(NamedTuple):
    """What stands in the way, and what to do.

    Attributes:
        said: What it is.
        advice: What to do.
    """

    said: str
    advice: str


def listening(host: str, port: int, timeout_s: float) -> Trouble | None:
    """Connect; None where something listens."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except socket.gaierror as error:
        return Trouble(
            f"the name {host} can't be resolved ({error.strerror})", "correct the name, or the machine's DNS"
        )
    except UnicodeError:
        return Trouble(f"{host} is no name of a machine", "correct the address")
    except TimeoutError:
        return Trouble(
            f"{host}:{port} does not answer within {timeout_s:g} s",
            "look for a firewall or network policy between here and there",
        )
    except ConnectionRefusedError:
        return Trouble(
            f"nothing listens at {host}:{port}",
            "start the Collector, or `barograph run`, or correct the address",
        )
    except OSError as error:
        return Trouble(f"{host}:{port} can't be reached: {error.strerror or error}", "correct the address")
    return None


def tls_trouble(target: Target, host: str, port: int, timeout_s: float) -> Trouble | None:
    """Shake hands as the exporter would; None where that works."""
    try:
        context = ssl.create_default_context(cafile=target.ca)
        if target.certificate is not None:
            context.load_cert_chain(target.certificate, target.key)
    except (OSError, ssl.SSLError) as error:
        return Trouble(
            f"the certificates given here can't be used: {error}",
            "give files in PEM form that belong together",
        )
    if target.protocol == "grpc":
        context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host, port), timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return _afterwards(secure, target)
    except ssl.SSLCertVerificationError as error:
        return _certificate(error, host)
    except OSError as error:
        if not is_tls(host, port, timeout_s):
            return Trouble(
                "it speaks plain text, and TLS is configured here",
                f"write http://{host}:{port} (an address without http:// means TLS)",
            )
        return Trouble(f"the TLS handshake failed: {_reason(error)}", "look into its log")


def _afterwards(secure: ssl.SSLSocket, target: Target) -> Trouble | None:
    """Whether the connection stays: since TLS 1.3, a client is refused after the handshake."""
    secure.settimeout(_SILENCE_S)
    try:
        if secure.recv(1):
            return None
        told = "it hangs up"
    except TimeoutError:
        return None
    except OSError as error:
        told = _reason(error)
    wanted = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY"
    if target.certificate is None:
        return Trouble(
            f"it wants a certificate of the sender ({told} after the TLS handshake)",
            f"set {wanted} to files of one that it trusts",
        )
    return Trouble(
        f"it does not accept the certificate that is shown to it ({told} after the TLS handshake)",
        f"have {wanted} name one that it trusts",
    )


def _reason(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or str(error)).lower().replace("_", " ")


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> Trouble:
    said = f"its certificate is not accepted: {error.verify_message}"
    if error.verify_code in _UNKNOWN_ISSUER:
        return Trouble(
            said, "set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the authority that signed it"
        )
    if error.verify_code in {_EXPIRED, _NOT_YET}:
        return Trouble(said, "renew the server's certificate, or correct the clock of this machine")
    return Trouble(said, f"use a name that the certificate has, or give the server one for {host}")


def is_tls(host: str, port: int, timeout_s: float) -> bool:
    """Whether a TLS handshake gets an answer, whatever certificate it shows or wants."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except ssl.SSLError as error:
        return "alert" in (error.reason or "").lower()
    except OSError:
        return False


def is_http1(host: str, port: int, timeout_s: float, *, secure: bool) -> bool:
    """Whether HTTP/1.1 is answered."""
    return any(got.startswith(b"HTTP/1.") for got in _answer(host, port, timeout_s, _QUESTION, secure=secure))


def is_http2(host: str, port: int, timeout_s: float, *, secure: bool) -> bool:
    """Whether HTTP/2, which gRPC needs, is answered."""
    for got in _answer(host, port, timeout_s, _PREFACE, secure=secure):
        return len(got) >= _FRAME_HEAD_BYTES and got[3] == _SETTINGS
    return False


def _answer(host: str, port: int, timeout_s: float, question: bytes, *, secure: bool) -> Iterator[bytes]:
    """The first bytes that come back, if any."""
    with suppress(OSError):
        plain = socket.create_connection((host, port), timeout_s)
        with closing(plain):
            connection = _unchecked(plain, host) if secure else plain
            with closing(connection):
                connection.sendall(question)
                yield connection.recv(64)


def _unchecked(plain: socket.socket, host: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context.wrap_socket(plain, server_hostname=host)
