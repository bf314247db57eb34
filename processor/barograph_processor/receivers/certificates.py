"""The certificate of a listener and who signs its senders', read again when the files change."""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import NamedTuple

import msgspec

from barograph.errors import ConfigError

_log = logging.getLogger(__name__)


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS of one server. The files (PEM) are read again when they change.

    Attributes:
        cert_file: Its certificate, and those between it and the authority.
        key_file: The certificate's key, not encrypted.
        client_ca_file: Senders must show a certificate signed by one of these; without it they need none.
    """

    cert_file: str
    key_file: str
    client_ca_file: str | None = None


class Material(NamedTuple):
    """What one reading of the files gave.

    Attributes:
        certificate: Chain, PEM.
        key: PEM.
        client_ca: Certificates that senders' must be signed by, PEM; None where they need none.
        context: The same for Python's TLS.
    """

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


class Certificates:
    """Files of one listener. Safe to use from any thread."""

    def __init__(self, tls: Tls, protocol: str) -> None:
        """Read the files.

        Args:
            tls: Which files.
            protocol: ``grpc`` or ``http``, for messages.

        Raises:
            ConfigError: A file is missing or isn't what it should be.
        """
        self._tls = tls
        self._protocol = protocol
        self._reading = threading.Lock()
        self._refused = ""
        self._seen = self._signature()
        self._material = self._read()

    def current(self) -> Material:
        """What the files hold now; where they can't be used, what they held before.

        A look at the files' times costs microseconds, so it is taken for each connection.
        """
        with self._reading:
            signature = self._signature()
            if signature != self._seen:
                try:
                    self._material = self._read()
                    self._seen = signature
                    self._refused = ""
                except ConfigError as error:  # perhaps only half of the files is there yet
                    if str(error) != self._refused:
                        _log.warning("new certificates can't be used yet, the old ones stay: %s", error)
                    self._refused = str(error)
            return self._material

    def context(self) -> ssl.SSLContext:
        """TLS as it should be for the next connection."""
        return self.current().context

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(
            _stamp(path) for path in (self._tls.cert_file, self._tls.key_file, self._tls.client_ca_file)
        )

    def _read(self) -> Material:
        tls = self._tls
        certificate = self._bytes("cert_file", tls.cert_file)
        key = self._bytes("key_file", tls.key_file)
        client_ca = self._bytes("client_ca_file", tls.client_ca_file) if tls.client_ca_file else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except (ssl.SSLError, ValueError) as error:
            raise self._unusable(
                "cert_file", f"{tls.cert_file} and {tls.key_file} are no certificate and its key: {error}"
            ) from error
        if tls.client_ca_file is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(tls.client_ca_file)
            except ssl.SSLError as error:
                raise self._unusable(
                    "client_ca_file", f"{tls.client_ca_file} holds no certificates: {error}"
                ) from error
        return Material(certificate, key, client_ca, context)

    def _bytes(self, setting: str, path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise self._unusable(setting, f"{path}: {error.strerror}") from error

    def _unusable(self, setting: str, text: str) -> ConfigError:
        return ConfigError(f"{self._protocol}.tls.{setting}: {text}")


def _stamp(path: str | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
