"""Sends, records and prices calls to TwitterAPI.io, and converts its refusals to our errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.clock import Clock
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import NotConnected, ProviderError
from whyviral.integrations.http.api_keys import checked_key, hash_of_key
from whyviral.integrations.http.bounded import HttpAnswer, fetch, shared_client
from whyviral.integrations.http.call_recorder import CallOutcome, recorded_call
from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.price_list import TWITTERAPI_CREDIT, PriceList, as_bound, as_cost

from .errors import PROVIDER, SERVICE, find_refusal, unreadable

_CREDITS_PER_TWEET = 15
"""Also the minimum cost of an answered request. Source: twitterapi.io/pricing, 2026-11."""
_CREDITS_PER_USER = 18
"""Source: twitterapi.io/pricing, 2026-11."""
_MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """One page of tweets, unchanged."""

    tweets: Sequence[Any]
    pinned: Any = None
    """The pinned tweet of a timeline, which stands apart from its pages."""
    next_cursor: str | None = None
    """None on the last page."""


class TwitterApiCalls:
    """A client of the endpoints that return lists of tweets."""

    def __init__(
        self,
        api_key: str,
        *,
        calls: CallRecorder,
        clock: Clock,
        client: httpx.Client | None,
        requests_per_second: float | None = None,
        prices: PriceList,
    ) -> None:
        key = checked_key(api_key, name="TWITTERAPI_KEY")
        self._headers = {"X-API-Key": key, "Accept": "application/json"}
        self._key_hash = hash_of_key(key)
        self._requests_per_second = requests_per_second
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._prices = prices
        self._url = endpoints.current().twitterapi_url

    def get_tweets(self, path: str, params: Mapping[str, str], *, max_tweets: int, timeout_s: float) -> Sequence[Any]:
        """Return the tweets of one page, unchanged; the arguments are those of `get_page`."""
        return self.get_page(path, params, max_tweets=max_tweets, timeout_s=timeout_s).tweets

    def get_page(self, path: str, params: Mapping[str, str], *, max_tweets: int, timeout_s: float) -> Page:
        """Return one page.

        Args:
            path: the path of the endpoint.
            params: the query parameters.
            max_tweets: the size of a page; each of its tweets is paid for.
            timeout_s: the limit of the whole call.

        Raises:
            UnreadableAnswer: the answer cannot be read.
            ProviderError: the call failed; a category on the user's side means that the requested tweets are at fault.
        """
        with recorded_call(
            self._calls,
            provider=PROVIDER,
            operation=f"GET {path}",
            clock=self._clock,
            most_usd=as_bound(self._usd(max_tweets)),
            key_hash=self._key_hash,
            requests_per_second=self._requests_per_second,
        ) as call:
            answer = self._get(path, params, call, timeout_s=timeout_s)
            document = _parse(answer)
            call.cost_usd = self._cost_usd(answer, document)
            refusal = find_refusal(answer, document, now=self._clock())
            if refusal is not None:
                raise refusal
            return _page_of(document)

    def get_user(self, handle: str, *, timeout_s: float) -> Mapping[str, Any]:
        """Return the account with this handle.

        Raises:
            ProviderError: the call failed; `not_found` if there is no such account.
        """
        path = "/twitter/user/info"
        with recorded_call(
            self._calls,
            provider=PROVIDER,
            operation=f"GET {path}",
            clock=self._clock,
            most_usd=as_bound(self._credits_usd(_CREDITS_PER_USER)),
            key_hash=self._key_hash,
            requests_per_second=self._requests_per_second,
        ) as call:
            answer = self._get(path, {"userName": handle}, call, timeout_s=timeout_s)
            document = _parse(answer)
            is_success = httpx.codes.is_success(answer.status)
            call.cost_usd = as_cost(self._credits_usd(_CREDITS_PER_USER)) if is_success else Decimal(0)
            refusal = find_refusal(answer, document, now=self._clock(), expected="data")
            if refusal is not None:
                raise refusal
            user: Mapping[str, Any] = document["data"]
            return user

    def _get(self, path: str, params: Mapping[str, str], call: CallOutcome, *, timeout_s: float) -> HttpAnswer:
        call.cost_usd = None  # unknown from here on: the call may be billed unless an answer shows otherwise
        try:
            answer = fetch(
                self._client,
                f"{self._url}{path}",
                provider=PROVIDER,
                service=SERVICE,
                headers=self._headers,
                params=params,
                total_s=timeout_s,
                max_bytes=_MAX_BYTES,
            )
        except NotConnected:
            call.cost_usd = Decimal(0)
            raise
        except ProviderError as exc:
            if exc.status == HTTPStatus.OK and exc.category is ErrorCategory.PROVIDER_ERROR:  # cut off, or too large
                raise unreadable() from exc
            raise
        call.status = answer.status
        return answer

    def _cost_usd(self, answer: HttpAnswer, document: Any) -> Decimal | None:
        """Return the price of an answer; None for an unreadable one, which may still be billed."""
        if not httpx.codes.is_success(answer.status):
            return Decimal(0)
        if not isinstance(document, Mapping):
            return None
        tweets = document.get("tweets")
        return as_cost(self._usd(len(tweets) if isinstance(tweets, list) else 0))

    def _usd(self, tweets: int) -> Decimal | None:
        """Return the price of a page with this number of tweets."""
        return self._credits_usd(_CREDITS_PER_TWEET * max(tweets, 1))

    def _credits_usd(self, credit_count: int) -> Decimal | None:
        credit_usd = self._prices.find(TWITTERAPI_CREDIT, on=self._clock().date())
        return None if credit_usd is None else credit_count * credit_usd


def _parse(answer: HttpAnswer) -> Any:
    """Return the document with its list as `tweets`; replies may come as `replies`. Source: docs.twitterapi.io."""
    try:
        document = parse_untrusted_json(answer.body)
    except NotJson:
        return None
    if not isinstance(document, dict) or "tweets" in document:
        return document
    if "replies" in document:
        return document | {"tweets": document["replies"]}
    # A timeline nests its tweets, although the documentation shows them at the top.
    data = document.get("data")
    return document | {"tweets": data["tweets"]} if isinstance(data, Mapping) and "tweets" in data else document


def _page_of(document: Mapping[str, Any]) -> Page:
    data, cursor = document.get("data"), document.get("next_cursor")
    has_next = document.get("has_next_page") is True and isinstance(cursor, str) and bool(cursor)
    return Page(
        tweets=document["tweets"],
        pinned=data.get("pin_tweet") if isinstance(data, Mapping) else None,
        next_cursor=cursor if has_next else None,
    )
