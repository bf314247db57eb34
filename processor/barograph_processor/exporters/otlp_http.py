"""OTLP requests over HTTP, as bytes that are encoded already."""

from __future__ import annotations

import gzip
import http.client
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from google.rpc import status_pb2

from barograph.errors import Permanent, Retryable
from barograph_processor.components.delivery import RetryLater

if TYPE_CHECKING:
    from email.message import Message

    from barograph_processor.exporters.otlp_target import Target

_RETRYABLE = {408, 429, 502, 503, 504}
_DETAIL_BYTES = 4096
_RESPONSE_BYTES = 1 << 20


class HttpSender:
    """Sends to one target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if target.secure:
            context = ssl.create_default_context(cafile=target.ca)
            if target.certificate is not None:
                context.load_cert_chain(target.certificate, target.key)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, request: bytes) -> bytes:
        """Send a request; returns the response.

        Raises:
            Retryable: The target is away or busy.
            Permanent: It will never take this request.
        """
        headers = {
            "Content-Type": "application/x-protobuf",
            "User-Agent": "barograph",
            **dict(self._target.headers),
        }
        if self._target.gzip:
            headers["Content-Encoding"] = "gzip"
            request = gzip.compress(request, compresslevel=5)
        url = self._target.endpoint
        call = urllib.request.Request(url, data=request, headers=headers, method="POST")  # noqa: S310  # http(s) only
        try:
            with self._opener.open(call, timeout=self._target.timeout_s) as response:
                return bytes(response.read(_RESPONSE_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                raise self._mapped(error.code, error.headers, _rest(error)) from error
        except urllib.error.URLError as error:
            raise Retryable(f"{url} can't be reached: {error.reason}") from error
        except OSError as error:
            raise Retryable(f"{url} can't be reached: {error}") from error

    def close(self) -> None:
        """Nothing is kept open between requests."""

    def _mapped(self, code: int, headers: Message, body: bytes) -> Retryable | Permanent:
        message = f"{self._target.endpoint} answered HTTP {code}: {_detail(body)}"
        if code not in _RETRYABLE:
            return Permanent(message)
        try:
            return RetryLater(message, after_s=float(headers.get("Retry-After", "")))
        except ValueError:
            return Retryable(message)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET and lose its body; better to say where it pointed."""

    def redirect_request(self, *_: object) -> None:
        return None


def _rest(answer: urllib.error.HTTPError) -> bytes:
    """The body; nothing if it breaks off, as where plain text is sent to a server that wants TLS."""
    try:
        return answer.read(_DETAIL_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def _detail(body: bytes) -> str:
    """The message of a `google.rpc.Status`, or the body as text."""
    status = status_pb2.Status()
    try:
        status.ParseFromString(body)
        text = status.message or body.decode("utf-8", "replace")
    except Exception:  # noqa: BLE001  # not a Status
        text = body.decode("utf-8", "replace")
    return " ".join(text.split())[:200]
