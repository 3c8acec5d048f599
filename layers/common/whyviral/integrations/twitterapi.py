"""X posts by TwitterAPI.io."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import batched
from typing import Any

import httpx

from whyviral.core import endpoints
from whyviral.core.calls import CallCollector
from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory

from .api_keys import checked_key
from .bounded_http import HttpAnswer, fetch, shared_client
from .errors import ConnectionDropped, NotConnected
from .post_scraper import PostAsk, ScrapedPost, ScrapeFailure
from .recording import CallOutcome, recorded_call
from .twitterapi_failures import NOT_AN_ID, NOT_FOUND, PROVIDER, SERVICE, find_refusal
from .twitterapi_posts import read_tweet
from .untrusted_json import NotJson, parse_untrusted_json

_POSTS_A_CALL = 100
"""Not documented; works in the field. Source: docs.twitterapi.io, "Get Tweets by IDs"; 2026-11."""
_CREDITS_A_TWEET = 15
"""Also the least that an answered request costs. Source: twitterapi.io/pricing, 2026-11."""
_USD_A_CREDIT = Decimal(1) / 100_000
"""Source: twitterapi.io/pricing, 2026-11."""
_MAX_BYTES = 8 * 1024 * 1024
_TIMEOUT_S = 20.0

type Outcomes = dict[str, ScrapedPost | ScrapeFailure]


class TwitterApiScraper:
    """Fetches posts of X, up to 100 in one paid call."""

    def __init__(
        self,
        api_key: str,
        *,
        calls: CallCollector,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._headers = {"X-API-Key": checked_key(api_key, name="TWITTERAPI_KEY"), "Accept": "application/json"}
        self._calls = calls
        self._clock = clock
        self._client = client or shared_client(PROVIDER)
        self._timeout_s = timeout_s
        self._url = f"{endpoints.current().twitterapi_url}/twitter/tweets"
        # A stand-in may serve media from this machine; a real answer that points there is an attack.
        self._may_use_loopback = endpoints.current().is_stand_in(PROVIDER)

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapedPost | ScrapeFailure]:
        """Return one outcome for each asked post, keyed by its id.

        Raises:
            ProviderError: the call as a whole failed, so nothing is known about any of the posts.
        """
        asked = list(dict.fromkeys(ask.post_id for ask in asks))
        outcomes: Outcomes = {}
        for batch in batched(filter(_is_post_id, asked), _POSTS_A_CALL, strict=False):
            outcomes |= self._fetch_batch(batch)
        return {post_id: outcomes.get(post_id) or _not_an_id(post_id) for post_id in asked}

    def _fetch_batch(self, post_ids: Sequence[str]) -> Outcomes:
        try:
            return self._ask(post_ids)
        except ConnectionDropped:
            # The vendor drops idle connections under load, and reading the same posts again is safe.
            return self._ask(post_ids)

    def _ask(self, post_ids: Sequence[str]) -> Outcomes:
        with recorded_call(self._calls, provider=PROVIDER, operation="GET /twitter/tweets", clock=self._clock) as call:
            answer = self._get(post_ids, call)
            document = _parse(answer)
            refusal = find_refusal(answer, document, now=self._clock())
            call.cost_usd = _cost_usd(answer, document)
            if refusal is None:
                return self._read(document["tweets"], post_ids)
            if not refusal.category.is_users_side:
                raise refusal
            call.error_category = refusal.category
            return {post_id: ScrapeFailure(post_id, refusal.category, refusal.message) for post_id in post_ids}

    def _get(self, post_ids: Sequence[str], call: CallOutcome) -> HttpAnswer:
        call.cost_usd = None  # what happens from here on may be billed, until an answer says otherwise
        try:
            answer = fetch(
                self._client,
                self._url,
                provider=PROVIDER,
                service=SERVICE,
                headers=self._headers,
                params={"tweet_ids": ",".join(post_ids)},
                total_s=self._timeout_s,
                max_bytes=_MAX_BYTES,
            )
        except NotConnected:
            call.cost_usd = Decimal(0)
            raise
        call.status = answer.status
        return answer

    def _read(self, tweets: Sequence[Any], post_ids: Sequence[str]) -> Outcomes:
        told: dict[str, Mapping[str, Any]] = {}
        has_strangers = False
        for tweet in tweets:
            tweet_id = str(tweet.get("id")) if isinstance(tweet, Mapping) else ""
            if tweet_id in post_ids:
                told.setdefault(tweet_id, tweet)
            else:
                has_strangers = True
        return {
            post_id: read_tweet(told[post_id], post_id=post_id, may_use_loopback=self._may_use_loopback)
            if post_id in told
            else _absent(post_id, has_strangers=has_strangers)
            for post_id in post_ids
        }


def _is_post_id(post_id: str) -> bool:
    """Whether this can stand in the list of ids, where a comma would ask, and pay, for more."""
    return post_id.isascii() and post_id.isdigit() and len(post_id) <= len(str(2**63))


def _not_an_id(post_id: str) -> ScrapeFailure:
    return ScrapeFailure(post_id, ErrorCategory.INVALID_URL, NOT_AN_ID)


def _absent(post_id: str, *, has_strangers: bool) -> ScrapeFailure:
    """An id that is missing is a post that is not shown, unless posts came that nobody asked for."""
    if has_strangers:
        return ScrapeFailure(post_id, ErrorCategory.PROVIDER_ERROR, f"{SERVICE} sent another post than the asked one.")
    return ScrapeFailure(post_id, ErrorCategory.NOT_FOUND, NOT_FOUND)


def _parse(answer: HttpAnswer) -> Any:
    try:
        return parse_untrusted_json(answer.body)
    except NotJson:
        return None


def _cost_usd(answer: HttpAnswer, document: Any) -> Decimal | None:
    """Return the price of an answer; None for a broken one, which may be billed all the same."""
    if not httpx.codes.is_success(answer.status):
        return Decimal(0)
    if not isinstance(document, Mapping):
        return None
    tweets = document.get("tweets")
    count = len(tweets) if isinstance(tweets, list) else 0
    return _CREDITS_A_TWEET * max(count, 1) * _USD_A_CREDIT
