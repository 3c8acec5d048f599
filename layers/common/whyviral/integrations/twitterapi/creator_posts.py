"""The recent posts of an account on X by TwitterAPI.io. All of them are untrusted."""

import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import ValidationError

from whyviral.core.clock import Clock, utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.call_recorder import CallRecorder
from whyviral.integrations.ports.creator_posts import Creator, CreatorListing, ListedPost, PostKind
from whyviral.integrations.ports.post_scraper import ScrapeJob
from whyviral.integrations.ports.price_list import PriceList

from .api_call import Page, TwitterApiCalls
from .errors import PROVIDER
from .posts import Author, Tweet, read_time

_PATH = "/twitter/user/last_tweets"
_POSTS_A_PAGE = 20
"""Source: docs.twitterapi.io, "Get User Last Tweets"."""
_ENOUGH_POSTS = 31
"""One more than a baseline holds, because the compared post may be among them."""
MAX_PAGES = 3
"""A third page is read only for accounts that repost a lot."""
_NO_ACCOUNT = "X shows no account with this handle."
_PROTECTED = "This account on X is protected, so only its followers see its posts."
_GONE = "This account on X is suspended or no longer exists."


class TwitterApiCreatorPosts:
    """Lists the posts and quotes of an account, without its replies and reposts."""

    def __init__(
        self,
        api_key: str,
        *,
        calls: CallRecorder,
        clock: Clock = utc_now,
        client: httpx.Client | None = None,
        requests_per_second: float | None = None,
        prices: PriceList,
    ) -> None:
        self._api = TwitterApiCalls(
            api_key, calls=calls, clock=clock, client=client, requests_per_second=requests_per_second, prices=prices
        )

    def resolve(self, handle: str, *, timeout_s: float) -> Creator:
        """Return the account with this handle, with its id.

        Raises:
            ProviderError: the call failed; not_found, private or removed are about the account.
        """
        try:
            user = self._api.get_user(handle, timeout_s=timeout_s)
        except ProviderError as refusal:
            if refusal.category is ErrorCategory.NOT_FOUND or refusal.status == HTTPStatus.NOT_FOUND:
                raise _about_account(ErrorCategory.NOT_FOUND, _NO_ACCOUNT) from None
            raise
        author = Author.model_validate(user)
        _check(author)
        if user.get("protected") is True or user.get("isProtected") is True:
            raise _about_account(ErrorCategory.PRIVATE, _PROTECTED)
        return Creator(id=author.id, handle=author.user_name or handle)

    def list_posts(
        self, creator: Creator, kind: PostKind | None, *, job: ScrapeJob | None, timeout_s: float
    ) -> CreatorListing:
        """Return the newest posts of an account; a page that fails after another one ends the list.

        Raises:
            ProviderError: nothing is known about the account's posts.
        """
        del kind, job  # X has one kind of post, and the answer comes at once
        ends_at = time.monotonic() + timeout_s
        params = {"userId": creator.id} if creator.id else {"userName": creator.handle or ""}
        params["includeReplies"] = "false"
        found: dict[str, ListedPost] = {}
        cursors = {""}
        for number in range(MAX_PAGES):
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                break
            try:
                page = self._api.get_page(_PATH, params, max_tweets=_POSTS_A_PAGE, timeout_s=left_s)
            except ProviderError:
                if not number:
                    raise
                break  # recorded; the pages before it are paid for
            for post in _read_page(page, creator):
                found.setdefault(post.post_id, post)
            # The vendor may announce another page after the last one, or name the same page again.
            if not page.tweets or page.next_cursor is None or page.next_cursor in cursors:
                break
            if len(found) >= _ENOUGH_POSTS:
                break
            cursors.add(page.next_cursor)
            params["cursor"] = page.next_cursor
        return CreatorListing(creator, tuple(found.values()))


def _read_page(page: Page, creator: Creator) -> Sequence[ListedPost]:
    tweets = [*page.tweets, *([page.pinned] if page.pinned else [])]
    posts = [post for tweet in tweets if (post := _read_tweet(tweet, creator, is_pinned=tweet is page.pinned))]
    if not posts:
        # An account that shows nothing may say why in the place of its author.
        for tweet in page.tweets:
            _check(_author_of(tweet))
    return posts


def _read_tweet(raw: Any, creator: Creator, *, is_pinned: bool) -> ListedPost | None:
    """Return the account's own post or quote; None for a reply, a repost or a post by another account."""
    try:
        tweet = Tweet.model_validate(raw)
    except ValidationError:
        return None
    author = tweet.author
    if tweet.id is None or author is None or not _is_by(author, creator):
        return None
    if tweet.retweeted_tweet is not None or raw.get("retweeted_tweet") or tweet.in_reply_to_id or raw.get("isReply"):
        return None
    return ListedPost(
        post_id=tweet.id,
        kind=PostKind.POST,
        posted_at=read_time(tweet.created_at),
        views=tweet.view_count or None,  # zero stands for "not counted", as on posts before 2023
        likes=tweet.like_count,
        comments=tweet.reply_count,
        is_pinned=is_pinned or tweet.id in (author.pinned_tweet_ids or ()),
    )


def _is_by(author: Author, creator: Creator) -> bool:
    if creator.id and author.id:
        return creator.id == author.id
    return (author.user_name or "").lower() == (creator.handle or "").lower()


def _author_of(raw: Any) -> Author:
    try:
        return Tweet.model_validate(raw).author or Author()
    except ValidationError:
        return Author()


def _check(author: Author) -> None:
    if author.unavailable:
        reason = f"{author.unavailable_reason} {author.message}".lower()
        if "protected" in reason:
            raise _about_account(ErrorCategory.PRIVATE, _PROTECTED)
        raise _about_account(ErrorCategory.REMOVED, _GONE)


def _about_account(category: ErrorCategory, message: str) -> ProviderError:
    return ProviderError(message, provider=PROVIDER, category=category)
