"""Calls to Dodo's API: authorised, bounded and recorded, with errors raised as `ProviderError`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import ValidationError

from whyviral.core import endpoints
from whyviral.core.clock import Clock, utc_now
from whyviral.integrations.errors import ConnectionDropped, ProviderError
from whyviral.integrations.http.api_keys import checked_key
from whyviral.integrations.http.bounded import HttpAnswer, exchange, shared_client
from whyviral.integrations.http.call_recorder import recorded_call
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.http.vendor_model import VendorModel
from whyviral.integrations.ports.call_recorder import CallRecorder

from .errors import PROVIDER, SERVICE, refusal_of, unreadable
from .mode import DodoMode

USER_AGENT = "whyviral/0.1"
_READ_TIMEOUT_S = 5.0
_SEND_TIMEOUT_S = 15.0
"""With a read and its retry before it, 25 s: below the 29 s after which API Gateway gives up."""
_MAX_BYTES = 4 * 1024 * 1024
"""Of a JSON answer or an invoice. As base64 it stays below the 6 MB that a Lambda function may return."""

type Params = Mapping[str, str | int]


class DodoHttp:
    """Sends requests to Dodo's API."""

    def __init__(
        self,
        api_key: str,
        *,
        mode: DodoMode,
        calls: CallRecorder,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        read_timeout_s: float = _READ_TIMEOUT_S,
        send_timeout_s: float = _SEND_TIMEOUT_S,
    ) -> None:
        self._headers = {
            "Authorization": f"Bearer {checked_key(api_key, name='DODO_API_KEY')}",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._read_timeout_s = read_timeout_s
        self._send_timeout_s = send_timeout_s
        current = endpoints.current()
        self._base_url = current.dodo_live_url if mode is DodoMode.LIVE else current.dodo_test_url

    def get[T: VendorModel](self, path: str, shape: type[T], *, operation: str, params: Params | None = None) -> T:
        """Send a GET request and return the document; a dropped connection or a 5xx is retried once."""
        answer = self._read(path, operation=operation, params=params, accept="application/json")
        return _parsed(answer, shape)

    def get_bytes(self, path: str, *, operation: str, content_type: str) -> bytes:
        """Send a GET request and return the body, which must have the given content type."""
        answer = self._read(path, operation=operation, params=None, accept=content_type)
        if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() != content_type:
            raise unreadable(answer.status)
        return answer.body

    def send[T: VendorModel](
        self, method: str, path: str, shape: type[T], *, operation: str, body: Any = None, params: Params | None = None
    ) -> T:
        """Send a request that changes data and return the answer's document.

        It is never retried, because a call without an answer may have taken effect; see `may_have_taken_effect`.
        """
        return _parsed(self._sent(method, path, operation=operation, body=body, params=params), shape)

    def send_only(self, method: str, path: str, *, operation: str, body: Any = None) -> None:
        """Send a request that changes data and ignore the answer's body; it is never retried."""
        self._sent(method, path, operation=operation, body=body, params=None)

    def _read(self, path: str, *, operation: str, params: Params | None, accept: str) -> HttpAnswer:
        def attempt() -> HttpAnswer:
            request = self._client.build_request(
                "GET", self._base_url + path, params=params, headers=self._headers | {"Accept": accept}
            )
            return self._once(request, operation=operation, timeout_s=self._read_timeout_s)

        try:
            return attempt()
        except ProviderError as exc:
            if not isinstance(exc, ConnectionDropped) and (exc.status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
        return attempt()

    def _sent(self, method: str, path: str, *, operation: str, body: Any, params: Params | None) -> HttpAnswer:
        request = self._client.build_request(
            method, self._base_url + path, params=params, json=body, headers=self._headers
        )
        return self._once(request, operation=operation, timeout_s=self._send_timeout_s)

    def _once(self, request: httpx.Request, *, operation: str, timeout_s: float) -> HttpAnswer:
        with recorded_call(self._calls, provider=PROVIDER, operation=operation, clock=self._clock) as call:
            answer = exchange(
                self._client,
                request,
                provider=PROVIDER,
                service=SERVICE,
                total_s=timeout_s,
                max_bytes=_MAX_BYTES,
            )
            call.status = answer.status
            if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
                raise refusal_of(answer, now=self._clock())
            return answer


def _parsed[T: VendorModel](answer: HttpAnswer, shape: type[T]) -> T:
    try:
        return shape.model_validate(parse_untrusted_json(answer.body))
    except (NotJson, ValidationError):
        raise unreadable(answer.status) from None  # the cause may quote the document
