"""Converts a tweet of TwitterAPI.io to a post. All of it is untrusted."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.http.language_tags import read_language_tag
from whyviral.integrations.http.vendor_model import Count, Lenient, VendorModel
from whyviral.integrations.http.vendor_text import decode_escapes, visible_text
from whyviral.integrations.ports.post_scraper import MediaKind, ScrapedAuthor, ScrapedMedia, ScrapedPost, ScrapeFailure

from .errors import PRIVATE, REMOVED
from .media import Medium, SkippedMedium, choose_media

_MAX_TEXT = 30_000  # X allows 25,000
_MAX_NAME = 200
_MAX_RAW = 256 * 1024
_CUT_REPOST = re.compile(r"RT @\w{1,20}: .*\u2026\s*", re.DOTALL)
"""X cuts the text of a repost at 140 characters; a text typed by hand may begin in the same way."""
_SHORT_LINK = re.compile(r"https?://t\.co/[A-Za-z0-9]+")
_ADDRESS = re.compile(r"https?://[^\s<>\"]{1,2048}", re.IGNORECASE)

type TweetId = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
type Handle = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,20}$")]


class CamelModel(VendorModel):
    """A document whose fields are written like `likeCount`."""

    model_config = ConfigDict(alias_generator=to_camel)


class Author(CamelModel):
    """The author of a tweet; a closed account may have the last three fields only."""

    id: Lenient[TweetId] = None
    pinned_tweet_ids: Lenient[list[Lenient[TweetId]]] = None
    user_name: Lenient[Handle] = None
    name: Lenient[str] = None
    followers: Lenient[Count] = None
    is_verified: Lenient[bool] = None
    is_blue_verified: Lenient[bool] = None
    unavailable: Lenient[bool] = None
    unavailable_reason: Lenient[str] = None
    message: Lenient[str] = None


class Link(VendorModel):
    """A link in a text: X writes its own short address there."""

    url: Lenient[str] = None
    expanded_url: Lenient[str] = None


class Attachments(VendorModel):
    """Where X keeps media and links."""

    media: Lenient[list[Lenient[Medium]]] = None
    urls: Lenient[list[Lenient[Link]]] = None


class Tweet(CamelModel):
    """The fields of a tweet that we use."""

    text: Lenient[str] = None
    like_count: Lenient[Count] = None
    reply_count: Lenient[Count] = None
    view_count: Lenient[Count] = None
    retweet_count: Lenient[Count] = None
    quote_count: Lenient[Count] = None
    bookmark_count: Lenient[Count] = None
    created_at: Lenient[str] = None
    lang: Lenient[str] = None
    author: Lenient[Author] = None
    attached: Lenient[Attachments] = Field(None, alias="extendedEntities")
    attached_in_words_of_x: Lenient[Attachments] = Field(None, alias="extended_entities")
    entities: Lenient[Attachments] = None
    id: Lenient[TweetId] = None
    in_reply_to_id: Lenient[TweetId] = None
    in_reply_to_username: Lenient[Handle] = None
    retweeted_tweet: Lenient["Tweet"] = Field(None, alias="retweeted_tweet")
    quoted_tweet: Lenient["Tweet"] = Field(None, alias="quoted_tweet")

    @property
    def media(self) -> Sequence[Medium]:
        """The attached media, from the first field that has any."""
        for place in (self.attached, self.attached_in_words_of_x, self.entities):
            if place and place.media:
                return [medium for medium in place.media if medium]
        return ()


def read_tweet(raw: Mapping[str, Any], *, post_id: str) -> ScrapedPost | ScrapeFailure:
    """Return the post in `raw`, or the reason why there is none.

    A repost is read as the post it repeats, under the requested id. A quote without media of its own shows
    those of the post it quotes.
    """
    tweet = Tweet.model_validate(raw)
    content = tweet.retweeted_tweet or tweet
    if tweet.retweeted_tweet is None and _CUT_REPOST.fullmatch(tweet.text or ""):
        return ScrapeFailure(
            post_id, ErrorCategory.UNSUPPORTED, "This post only repeats another one, which X does not show any more."
        )
    author = _author(content.author, post_id)
    if isinstance(author, ScrapeFailure):
        return author
    shown = content.media or (content.quoted_tweet.media if content.quoted_tweet else ())
    chosen = list(choose_media(shown))
    media = [medium for medium in chosen if isinstance(medium, ScrapedMedia)]
    text = text_of(content)
    if not _words_of(content) and all(medium.kind is MediaKind.THUMBNAIL for medium in media):
        return ScrapeFailure(
            post_id, ErrorCategory.UNSUPPORTED, "This post has no text, photo or video that can be fetched."
        )
    return ScrapedPost(
        platform_post_id=post_id,
        url=f"https://x.com/i/status/{post_id}",
        author=author,
        text=text,
        posted_at=read_time(content.created_at),
        metrics=_metrics(content),
        language=read_language_tag(content.lang),
        media=media,
        details=_details(content),
        raw=_kept(raw, [medium for medium in chosen if isinstance(medium, SkippedMedium)]),
    )


def _author(author: Author | None, post_id: str) -> ScrapedAuthor | ScrapeFailure:
    if author is None or author.user_name is None or author.unavailable:
        reason = f"{author.unavailable_reason} {author.message}".lower() if author else ""
        if "protected" in reason:
            return ScrapeFailure(post_id, ErrorCategory.PRIVATE, PRIVATE)
        return ScrapeFailure(post_id, ErrorCategory.REMOVED, REMOVED)
    return ScrapedAuthor(
        username=author.user_name,
        display_name=decode_escapes(author.name or "")[:_MAX_NAME].strip() or None,
        followers=author.followers,
        is_verified=_either(author.is_verified, author.is_blue_verified),
    )


def _either(first: bool | None, second: bool | None) -> bool | None:
    return first if second is None else bool(first) or second


def text_of(tweet: Tweet) -> str:
    """Return the text with its real addresses and without the links that X adds for media; empty if nothing shows.

    X escapes `&`, `<` and `>` for HTML. Source: tweepy/tweepy#451, mikf/gallery-dl#2756, 2026-11.
    """
    expanded = {
        link.url: link.expanded_url
        for link in (tweet.entities.urls or () if tweet.entities else ())
        if link and link.url and link.expanded_url and _ADDRESS.fullmatch(link.expanded_url)
    }
    shown = expanded | {medium.url: "" for medium in tweet.media if medium.url}
    text = decode_escapes((tweet.text or "")[:_MAX_TEXT])
    return visible_text(_SHORT_LINK.sub(lambda match: shown.get(match[0], match[0]), text)[:_MAX_TEXT])


def _words_of(tweet: Tweet) -> str:
    """Return the text without short links: a post of links alone has nothing that can be analysed."""
    return visible_text(decode_escapes(_SHORT_LINK.sub("", tweet.text or "")))


def _details(tweet: Tweet) -> dict[str, Any]:
    """Return the posts that it quotes and replies to, as far as they are known."""
    details: dict[str, Any] = {}
    quoted = tweet.quoted_tweet
    if quoted is not None and quoted.author is not None and quoted.author.user_name is not None:
        url = f"https://x.com/i/status/{quoted.id}" if quoted.id else None
        details["quoted_post"] = {"username": quoted.author.user_name, "text": text_of(quoted), "url": url}
    if tweet.in_reply_to_id is not None:
        details["replied_to"] = {"username": tweet.in_reply_to_username, "post_id": tweet.in_reply_to_id}
    return details


def _metrics(tweet: Tweet) -> dict[str, int]:
    counts = {
        "likes": tweet.like_count,
        "comments": tweet.reply_count,
        "views": tweet.view_count or None,  # zero stands for "not counted", as on posts before 2023
        "shares": tweet.retweet_count,
        "quotes": tweet.quote_count,
        "bookmarks": tweet.bookmark_count,
    }
    return {name: count for name, count in counts.items() if count is not None}


def read_time(text: str | None) -> datetime | None:
    """Return the time in either of the vendor's two formats, or None."""
    for parse in (_parse_x_time, datetime.fromisoformat):
        with suppress(ValueError, OverflowError):
            moment = parse(text or "")
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _parse_x_time(text: str) -> datetime:
    return datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y")


def _kept(raw: Mapping[str, Any], skipped: Sequence[SkippedMedium]) -> dict[str, Any]:
    """Return the part of the answer that is stored: the tweet up to a size limit, and the media left out."""
    is_small = len(json.dumps(raw)) <= _MAX_RAW
    return {"tweet": raw if is_small else None, "skipped_media": [asdict(medium) for medium in skipped]}
