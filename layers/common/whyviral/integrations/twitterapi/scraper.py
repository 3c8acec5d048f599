"""X posts by TwitterAPI.io."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

import httpx

from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ConnectionDropped, ProviderError
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.post_scraper import PostAsk, ScrapedPost, ScrapeFailure
from whyviral.integrations.ports.price_list import PriceList

from .api_call import TwitterApiCalls
from .errors import NOT_AN_ID, NOT_FOUND, WRONG_POST, UnreadableAnswer
from .posts import read_tweet
from .replies import read_replies

_POSTS_A_CALL = 100
"""Not documented; works in the field. Source: docs.twitterapi.io, "Get Tweets by IDs"; 2026-11."""
_TIMEOUT_S = 20.0
_REPLIES_A_PAGE = 20
"""Source: docs.twitterapi.io, "Get Tweet Replies V2"."""
_REPLIES_TIMEOUT_S = 5.0
_REPLIES_TOTAL_S = 20.0
_REPLIES_UNTIL_S = 40.0
"""From the start of the run: the scrape function has 60 s, in which paid results must also be saved."""
MOST_POSTS_WITH_REPLIES = 20
"""A page of 20 replies costs as much as 20 posts; a request of a hundred posts can do without."""

type Outcomes = dict[str, ScrapedPost | ScrapeFailure]


class TwitterApiScraper:
    """Fetches posts of X, up to 100 in one paid call, and the best-liked replies to each in another."""

    def __init__(
        self,
        api_key: str,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        requests_per_second: float | None = None,
        timeout_s: float = _TIMEOUT_S,
        most_posts_with_replies: int = MOST_POSTS_WITH_REPLIES,
        prices: PriceList,
    ) -> None:
        self._api = TwitterApiCalls(
            api_key,
            calls=calls,
            clock=clock,
            client=client,
            requests_per_second=requests_per_second,
            prices=prices,
        )
        self._timeout_s = timeout_s
        self._most_posts_with_replies = most_posts_with_replies

    def fetch_posts(self, asks: Sequence[PostAsk]) -> Mapping[str, ScrapedPost | ScrapeFailure]:
        """Return one outcome for each requested post, keyed by its id.

        Raises:
            ProviderError: the call as a whole failed, so nothing is known about any of the posts.
        """
        began_at = time.monotonic()
        requested = list(dict.fromkeys(ask.post_id for ask in asks))
        outcomes: Outcomes = {}
        for batch in batched(filter(_is_post_id, requested), _POSTS_A_CALL, strict=False):
            outcomes |= self._fetch_batch(batch)
        ends_at = min(time.monotonic() + _REPLIES_TOTAL_S, began_at + _REPLIES_UNTIL_S)
        outcomes |= self._with_comments(outcomes, ends_at=ends_at)
        return {post_id: outcomes.get(post_id) or _not_an_id(post_id) for post_id in requested}

    def _fetch_batch(self, post_ids: Sequence[str]) -> Outcomes:
        """Fetch posts, and once more those in whose place the first answer had others."""
        try:
            outcomes = self._request_batch(post_ids)
        except (ConnectionDropped, UnreadableAnswer):
            # The vendor drops idle connections under load, and reading the same posts again is safe.
            return self._request_batch(post_ids)
        replaced = [post_id for post_id, outcome in outcomes.items() if outcome == _replaced(post_id)]
        if not replaced:
            return outcomes
        try:
            return outcomes | self._request_batch(replaced)
        except ProviderError:
            return outcomes  # recorded; the posts of the first answer are paid for

    def _request_batch(self, post_ids: Sequence[str]) -> Outcomes:
        try:
            params = {"tweet_ids": ",".join(post_ids)}
            tweets = self._api.get_tweets(
                "/twitter/tweets", params, max_tweets=len(post_ids), timeout_s=self._timeout_s
            )
        except ProviderError as refusal:
            if not refusal.category.is_users_side:
                raise
            return {post_id: ScrapeFailure(post_id, refusal.category, refusal.message) for post_id in post_ids}
        return self._read(tweets, post_ids)

    def _with_comments(self, outcomes: Outcomes, *, ends_at: float) -> Outcomes:
        """Return the posts that have replies with the best-liked ones; a post is kept without them if they fail."""
        answered = [
            post for post in outcomes.values() if isinstance(post, ScrapedPost) and post.metrics.get("comments")
        ]
        with_replies: Outcomes = {}
        for post in answered[: self._most_posts_with_replies]:
            left_s = min(ends_at - time.monotonic(), _REPLIES_TIMEOUT_S, self._timeout_s)
            if left_s <= 0:
                break
            params = {"tweetId": post.platform_post_id, "queryType": "Likes"}
            try:
                replies = self._api.get_tweets(
                    "/twitter/tweet/replies/v2", params, max_tweets=_REPLIES_A_PAGE, timeout_s=left_s
                )
            except ProviderError as failure:
                if failure.category.is_users_side:
                    continue
                break  # the same failure would meet the next ones
            with_replies[post.platform_post_id] = replace(
                post, comments=read_replies(replies, post_id=post.platform_post_id)
            )
        return with_replies

    def _read(self, tweets: Sequence[Any], post_ids: Sequence[str]) -> Outcomes:
        tweets_by_id: dict[str, Mapping[str, Any]] = {}
        has_strangers = False
        for tweet in tweets:
            tweet_id = str(tweet.get("id")) if isinstance(tweet, Mapping) else ""
            if tweet_id in post_ids:
                tweets_by_id.setdefault(tweet_id, tweet)
            else:
                has_strangers = True
        return {
            post_id: read_tweet(tweets_by_id[post_id], post_id=post_id)
            if post_id in tweets_by_id
            else _absent(post_id, has_strangers=has_strangers)
            for post_id in post_ids
        }


def _is_post_id(post_id: str) -> bool:
    """Return whether this can stand in the list of ids, where a comma would fetch, and cost, more posts."""
    return post_id.isascii() and post_id.isdigit() and len(post_id) <= len(str(2**63))


def _not_an_id(post_id: str) -> ScrapeFailure:
    return ScrapeFailure(post_id, ErrorCategory.INVALID_URL, NOT_AN_ID)


def _absent(post_id: str, *, has_strangers: bool) -> ScrapeFailure:
    """Return the failure of a missing id: not found, unless other posts came in its place."""
    return _replaced(post_id) if has_strangers else ScrapeFailure(post_id, ErrorCategory.NOT_FOUND, NOT_FOUND)


def _replaced(post_id: str) -> ScrapeFailure:
    return ScrapeFailure(post_id, ErrorCategory.PROVIDER_ERROR, WRONG_POST)
