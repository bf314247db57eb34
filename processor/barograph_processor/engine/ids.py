"""The ids of rows, and what labels find predictions by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

import msgspec
import numpy as np

from barograph_processor.engine.byte_strings import ByteStrings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SCOPE_BYTES: Final = 8
_ID_BYTES_MOST: Final = 64


class Ids(Sequence["str | None"]):
    """The ids of n rows, None where a row has none: a sequence of text that is kept as bytes.

    >>> ids = Ids.of(["a-17", None, "größe"])
    >>> ids[2], ids[:2], ids == ["a-17", None, "größe"], ids.known.tolist()
    ('größe', ['a-17', None], True, [True, False, True])

    Attributes:
        strings: UTF-8, with lone surrogates as they are; empty where a row has none.
        known: bool [n], which rows have one.
    """

    __slots__ = ("known", "strings")

    def __init__(self, strings: ByteStrings, known: NDArray[np.bool_] | None = None) -> None:
        """Take columns over.

        Args:
            strings: The ids.
            known: Which rows have one; None: all.
        """
        self.strings = strings
        self.known = np.ones(len(strings), np.bool_) if known is None else known

    @classmethod
    def of(cls, ids: Sequence[str | None]) -> Ids:
        """The same ids as columns."""
        if isinstance(ids, Ids):
            return ids
        encoded = [b"" if one is None else one.encode("utf-8", "surrogatepass") for one in ids]
        known = np.fromiter((one is not None for one in ids), np.bool_, len(ids))
        return cls(ByteStrings.of(encoded), known)

    @classmethod
    def together(cls, parts: Sequence[Sequence[str | None]]) -> Ids:
        """Several columns, one after the other."""
        columns = [cls.of(part) for part in parts]
        strings = ByteStrings.joined(
            np.concatenate([one.strings.together() for one in columns]),
            np.concatenate([one.strings.lengths for one in columns]),
        )
        return cls(strings, np.concatenate([one.known for one in columns]))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Ids:
        """Those of some rows."""
        return Ids(self.strings.take(rows), self.known[rows])

    def __len__(self) -> int:
        return len(self.strings)

    @overload
    def __getitem__(self, row: int) -> str | None: ...
    @overload
    def __getitem__(self, row: slice) -> list[str | None]: ...
    def __getitem__(self, row: int | slice) -> str | list[str | None] | None:
        """The id of a row, or a list of several."""
        if isinstance(row, slice):
            return list(self)[row]
        return _decoded(self.strings[row]) if self.known[row] else None

    def __iter__(self) -> Iterator[str | None]:
        for string, known in zip(self.strings.tolist(), self.known.tolist(), strict=True):
            yield _decoded(string) if known else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __repr__(self) -> str:
        return f"Ids.of({list(self)!r})"


def ids_of(ids: Sequence[str | None], rows: NDArray[np.intp]) -> Ids:
    """The ids of some rows, in order; all of them where `rows` are as many."""
    if isinstance(ids, Ids):
        return ids if len(rows) == len(ids) else ids.take(rows)
    return Ids.of(ids if len(rows) == len(ids) else [ids[row] for row in rows.tolist()])


def join_keys(tenant: str, model: str, ids: Ids) -> ByteStrings:
    """By what labels find predictions: 8 bytes for tenant and model, then the id, long ones hashed.

    Args:
        tenant: Theirs.
        model: Its name.
        ids: All of them known.
    """
    scope = hashlib.blake2b(msgspec.msgpack.encode((tenant, model)), digest_size=_SCOPE_BYTES).digest()
    strings = ids.strings
    if int(strings.lengths.max(initial=0)) > _ID_BYTES_MOST:
        strings = ByteStrings.of([_short(one) for one in strings.tolist()])
    return strings.prefixed(scope)


def _decoded(string: bytes) -> str:
    return string.decode("utf-8", "surrogatepass")


def _short(encoded: bytes) -> bytes:
    """The id, or a hash that no short id is: it is no UTF-8."""
    if len(encoded) <= _ID_BYTES_MOST:
        return encoded
    return b"\xff" + hashlib.blake2b(encoded, digest_size=32).digest()
