"""Who sends: a bearer token to the tenant that it belongs to."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from msgspec import UnsetType

from barograph_processor.wire.decode import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from barograph_processor.receivers.otlp_config import Auth

WANTED: Final = (
    "this receiver wants a bearer token: send the header authorization: Bearer … with one that it knows"
)
_SCHEME: Final = "bearer"


class Credentials:
    """Knows tokens. Without any, everybody is the tenant ``default``."""

    def __init__(self, auth: Auth | UnsetType) -> None:
        self._tokens: list[tuple[bytes, str]] = []
        if not isinstance(auth, UnsetType):
            self._tokens += [(token.reveal().encode(), DEFAULT_TENANT) for token in auth.bearers]
            self._tokens += [(token.reveal().encode(), tenant) for tenant, token in auth.owned]

    @property
    def wanted(self) -> bool:
        """Whether senders must have a token."""
        return bool(self._tokens)

    def tenant(self, headers: Mapping[str, str]) -> str | None:
        """Whose token the headers carry; None where it is nobody's.

        Every known token is compared, each in a time that doesn't tell how much of it is right.

        Args:
            headers: Names in small letters.
        """
        if not self._tokens:
            return DEFAULT_TENANT
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        found: str | None = None
        for known, tenant in self._tokens:
            if hmac.compare_digest(known, given):
                found = tenant
        return found if scheme.lower() == _SCHEME else None
