"""Values that may not leave the process as they are leave it as keyed hashes."""

from __future__ import annotations

import hashlib

OTHER = "__other__"
_DIGEST_BYTES = 8
_MAX_KEY_BYTES = 64

_HASH_LENGTH = 1 + 2 * _DIGEST_BYTES
_HEXADECIMAL = frozenset("0123456789abcdef")


def is_hashed(text: str) -> bool:
    """Whether a category has the form of a keyed hash.

    >>> is_hashed("#0123456789abcdef"), is_hashed("#ffcc00")
    (True, False)
    """
    return len(text) == _HASH_LENGTH and text[0] == "#" and _HEXADECIMAL.issuperset(text[1:])


class Redactor:
    """Hashes the categories of one model, except those of columns declared clear.

    The hash is BLAKE2b with a key. Without a key of your own (`BAROGRAPH_HASH_KEY`) the key is
    made of the model's name: the same value has the same hash in every process, and whoever
    knows the name can try out likely values. Set a key where values are personal.
    """

    def __init__(
        self, model: str, *, key: bytes | str | None = None, clear: frozenset[str] = frozenset()
    ) -> None:
        secret = key.encode() if isinstance(key, str) else key
        if not secret:
            secret = b"barograph:" + model.encode()
        if len(secret) > _MAX_KEY_BYTES:
            secret = hashlib.blake2b(secret).digest()
        self._key = secret
        self._clear = clear

    def is_clear(self, column: str) -> bool:
        """Whether the column's values may leave as they are."""
        return "*" in self._clear or column in self._clear

    def hashed(self, text: str) -> str:
        """`#` and 16 hex digits."""
        return (
            "#"
            + hashlib.blake2b(
                text.encode(errors="replace"), digest_size=_DIGEST_BYTES, key=self._key
            ).hexdigest()
        )

    def category(self, column: str, text: str) -> str:
        """How a value outside the vocabulary of `column` leaves the process."""
        return text if self.is_clear(column) else self.hashed(text)
