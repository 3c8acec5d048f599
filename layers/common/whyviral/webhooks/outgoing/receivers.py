"""Which URLs may receive webhooks, and the guarded client that reaches them: public hosts only, by HTTPS.

On one machine a receiver may also run on loopback, by HTTP. Only `local/bootstrap.py` can allow that.
"""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from whyviral.core.endpoints import Endpoints
from whyviral.integrations.http.ssrf_guard import (
    AddressRefused,
    FetchFailed,
    FetchTooLate,
    GuardedAnswer,
    GuardedHttp,
    is_loopback,
)

from .models import MAX_URL_CHARS

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
_HTTPS_PORT = 443
_FIRST_USER_PORT = 1024
_LAST_PORT = 65_535
NOT_HTTPS = "write an address that starts with https://"
NOT_A_URL = "write a host name, an optional port and a path, without a user name, a fragment or spaces"
WRONG_PORT = "the port must be 443, or from 1024 to 65535"
INNER_ADDRESS = "the host resolves to an address that is not on the public internet"
TOO_LATE = "the host did not answer in time"
UNREACHABLE = "the host has no address, or no connection with a valid certificate could be made"
NO_ADDRESS = "the host name has no address"


class ReceiverRefused(Exception):
    """No webhook may be sent to a URL; the message says why, in words for its user."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """The hosts that webhooks may be sent to."""

    public: GuardedHttp = field(default_factory=GuardedHttp)
    loopback: GuardedHttp | None = None
    """Reaches receivers on this machine; None, as deployed: there are none."""

    @classmethod
    def of(cls, endpoints: Endpoints) -> Self:
        """Return the receivers that this process may reach."""
        local = partial(GuardedHttp, allows=is_loopback)
        return cls(loopback=local() if endpoints.has_local_receivers else None)

    def check(self, url: str, *, ends_at: float) -> None:
        """Check the form of a URL, and that its host resolves to allowed addresses only; sends nothing.

        Args:
            url: the URL, which is untrusted.
            ends_at: the deadline, by `time.monotonic`.

        Raises:
            ReceiverRefused: the URL is refused.
        """
        try:
            self._http_of(url).check_host(url, ends_at=ends_at)
        except AddressRefused:
            raise ReceiverRefused(INNER_ADDRESS) from None
        except FetchTooLate:
            raise ReceiverRefused(TOO_LATE) from None
        except FetchFailed:
            raise ReceiverRefused(NO_ADDRESS) from None

    def post(
        self, url: str, content: bytes, headers: Mapping[str, str], *, ends_at: float
    ) -> AbstractContextManager[GuardedAnswer]:
        """Send a POST request and yield the answer; see `GuardedHttp.post`.

        Raises:
            ReceiverRefused: the URL is refused.
            FetchFailed: the exchange failed.
        """
        return self._http_of(url).post(url, content, headers, ends_at=ends_at)

    def _http_of(self, url: str) -> GuardedHttp:
        match = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARS else None
        if match is None:
            raise ReceiverRefused(NOT_A_URL if url.startswith("https://") else NOT_HTTPS)
        port = int(match["port"] or _HTTPS_PORT)
        if port != _HTTPS_PORT and not _FIRST_USER_PORT <= port <= _LAST_PORT:
            raise ReceiverRefused(WRONG_PORT)
        if match["scheme"] == "https":
            return self.public
        if self.loopback is None:
            raise ReceiverRefused(NOT_HTTPS)
        return self.loopback
