"""Certificates for tests: an authority of their own, and what it signs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

import trustme

if TYPE_CHECKING:
    from pathlib import Path

PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)


class Pair(NamedTuple):
    """A certificate and its key, paths of PEM files."""

    certificate: Path
    key: Path

    def read(self) -> tuple[bytes, bytes]:
        """Certificate and key."""
        return self.certificate.read_bytes(), self.key.read_bytes()


class Authority:
    """Signs certificates of this machine, for servers and for senders.

    Attributes:
        file: Its own certificate.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def signed(self, name: str, *, expired: bool = False) -> Pair:
        """A certificate of this machine."""
        made = self._authority.issue_cert(
            "localhost", "127.0.0.1", not_after=PAST if expired else None, key_type=trustme.KeyType.ECDSA
        )
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        made.private_key_pem.write_to_path(pair.key)
        pair.certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        return pair
