"""Parses pasted URLs: each names one post of one platform, or is rejected with a reason.

Parsing is pure: it fetches and follows nothing. Hosts are looked up in an exact table. Only the canonical URL, which is
built here from the validated id, goes to providers, logs and the database.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from whyviral.integrations.instagram.ids import media_id_of

from .invalid_urls import PUNCTUATION_AFTER_ID, InvalidPostUrl, InvalidUrlReason
from .platforms import Platform
from .web_addresses import WebAddress, read_web_address

__all__ = [
    "InvalidPostUrl",
    "InvalidUrlReason",
    "PostUrl",
    "canonical_url_of",
    "find_canonical_url",
    "find_platform",
    "parse_post_url",
]


@dataclass(frozen=True, slots=True)
class PostUrl:
    """One post; two URLs of the same post are equal."""

    platform: Platform
    post_id: str
    canonical_url: str
    path_word: str | None = field(default=None, compare=False)
    """The path word before the id, such as `reel` or `shorts`: a hint at the kind of post, not part of its identity."""


def parse_post_url(url: str) -> PostUrl:
    """Return the post that a pasted URL names.

    Raises:
        InvalidPostUrl: with the first reason that applies, in the order of `InvalidUrlReason`.
    """
    address = read_web_address(url)
    grammar = _GRAMMAR_OF_HOST.get(address.host)
    if grammar is None:
        raise InvalidPostUrl(InvalidUrlReason.UNSUPPORTED_HOST)
    path_word, found = grammar.read_path(address)
    post_id = _MISPLACED_QUERY.split(found, maxsplit=1)[0]
    if not grammar.is_id(post_id):
        has_punctuation = grammar.is_id(post_id.rstrip(_PUNCTUATION))
        raise InvalidPostUrl(InvalidUrlReason.BAD_ID, message=PUNCTUATION_AFTER_ID if has_punctuation else None)
    return PostUrl(grammar.platform, post_id, grammar.canonical_url.format(post_id), path_word)


_MISPLACED_QUERY = re.compile(r"[?&;]|%3[Ff]|%26|%23")
"""Starts or continues a query in the wrong place, as in `?v=ID?si=…` or `/ID&t=1`; never part of an id."""
_PUNCTUATION = ".,:!'\")>]}*\u2026\u201d\u2019\u300d\uff09\u3002\u3001\uff0c"
"""Punctuation of a surrounding sentence that is copied with a link."""

type _WordAndId = tuple[str | None, str]
"""The path word and the id of a path that has the form of a post; the id may still be empty or malformed."""

_LARGEST_ID = 2**63 - 1

_INSTAGRAM_USER = re.compile(r"[A-Za-z0-9._]{1,30}")
_INSTAGRAM_RESERVED = frozenset(
    {"share", "explore", "stories", "accounts", "direct", "reels", "reel", "p", "tv"}
    | {"about", "developer", "legal", "web", "api", "graphql", "challenge"}
)


def _read_instagram_path(address: WebAddress) -> _WordAndId:
    match address.parts:
        case ["share", token, *_] if token:
            raise InvalidPostUrl(InvalidUrlReason.SHARE_LINK)
        case ["reels", "" | "audio", *_]:  # the reels feed, or all reels of a sound
            raise InvalidPostUrl(InvalidUrlReason.NOT_A_POST)
        case ["p" | "reel" | "reels" | "tv" as word, code, *_]:
            return word, code
        case [_, "reels", "", *_]:  # the reels tab of a profile
            raise InvalidPostUrl(InvalidUrlReason.NOT_A_POST)
        case [user, "p" | "reel" | "reels" | "tv" as word, code, *_] if (
            user not in _INSTAGRAM_RESERVED and _INSTAGRAM_USER.fullmatch(user)
        ):
            return word, code
    raise InvalidPostUrl(InvalidUrlReason.NOT_A_POST)


def _is_instagram_code(code: str) -> bool:
    return media_id_of(code) is not None


_X_USER = re.compile(r"[A-Za-z0-9_]{1,20}")
_X_ID = re.compile(r"[1-9][0-9]{0,18}")


def _read_x_path(address: WebAddress) -> _WordAndId:
    match address.parts:
        case ["i", "web", "status" as word, post_id, *_]:
            return word, post_id
        case ["statuses" as word, post_id, *_]:
            return word, post_id
        case [user, "status" | "statuses" as word, post_id, *_] if _X_USER.fullmatch(user.removeprefix("@")):
            return word, post_id
    raise InvalidPostUrl(InvalidUrlReason.NOT_A_POST)


def _is_x_id(post_id: str) -> bool:
    return _X_ID.fullmatch(post_id) is not None and int(post_id) <= _LARGEST_ID


_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


def _read_youtube_path(address: WebAddress) -> _WordAndId:
    match address.parts:
        case ["watch" | "watch_popup" as word, "", *_] if address.fragment.startswith("!"):
            return word, _first_v(address.fragment[1:])
        case ["watch" | "watch_popup" as word, "", *_]:
            return word, _first_v(address.query)
        case ["", *_] if post_id := _first_v(address.query):
            return "watch", post_id
        case ["watch" as word, post_id, *_]:
            return word, post_id
        case [
            "embed",
            "videoseries" | "live_stream",
            *_,
        ]:  # a playlist or a channel; both words have 11 letters, like an id
            raise InvalidPostUrl(InvalidUrlReason.NOT_A_POST)
        case ["shorts" | "live" | "embed" | "v" | "e" as word, post_id, *_]:
            return word, post_id
    raise InvalidPostUrl(InvalidUrlReason.NOT_A_POST)


def _read_youtu_be_path(address: WebAddress) -> _WordAndId:
    return None, address.parts[0]


def _first_v(query: str) -> str:
    # A link that was copied from HTML source has `&amp;` for `&`.
    fields = (parameter.partition("=") for parameter in query.replace("&amp;", "&").split("&"))
    return next((value for name, _, value in fields if name == "v"), "")


def _is_youtube_id(post_id: str) -> bool:
    return _YOUTUBE_ID.fullmatch(post_id) is not None


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The URL syntax of a group of hosts."""

    platform: Platform
    hosts: str
    read_path: Callable[[WebAddress], _WordAndId]
    is_id: Callable[[str], bool]
    canonical_url: str


_GRAMMARS = (
    _Grammar(
        Platform.INSTAGRAM,
        "instagram.com www.instagram.com m.instagram.com instagr.am www.instagr.am",
        _read_instagram_path,
        _is_instagram_code,
        "https://www.instagram.com/p/{}/",
    ),
    _Grammar(
        Platform.X,
        "x.com www.x.com m.x.com mobile.x.com twitter.com www.twitter.com m.twitter.com mobile.twitter.com"
        # Mirrors whose links embed better in chats; their paths are those of X.
        " fxtwitter.com www.fxtwitter.com vxtwitter.com www.vxtwitter.com"
        " fixupx.com www.fixupx.com fixvx.com www.fixvx.com",
        _read_x_path,
        _is_x_id,
        "https://x.com/i/status/{}",
    ),
    _Grammar(
        Platform.YOUTUBE,
        "youtube.com www.youtube.com m.youtube.com music.youtube.com youtube-nocookie.com www.youtube-nocookie.com",
        _read_youtube_path,
        _is_youtube_id,
        "https://www.youtube.com/watch?v={}",
    ),
    _Grammar(
        Platform.YOUTUBE,
        "youtu.be www.youtu.be",
        _read_youtu_be_path,
        _is_youtube_id,
        "https://www.youtube.com/watch?v={}",
    ),
)
_GRAMMAR_OF_HOST: Mapping[str, _Grammar] = {host: grammar for grammar in _GRAMMARS for host in grammar.hosts.split()}


def find_platform(host: str) -> Platform | None:
    """Return the platform of a host name in lower case."""
    grammar = _GRAMMAR_OF_HOST.get(host)
    return grammar.platform if grammar else None


def find_canonical_url(platform: Platform, post_id: str) -> str | None:
    """Return the canonical URL of a post whose id a vendor sent; None if the id has a wrong form."""
    grammar = next(grammar for grammar in _GRAMMARS if grammar.platform is platform)
    return grammar.canonical_url.format(post_id) if grammar.is_id(post_id) else None


def canonical_url_of(platform: Platform, post_id: str) -> str:
    """Return the canonical URL of a post."""
    return next(grammar for grammar in _GRAMMARS if grammar.platform is platform).canonical_url.format(post_id)
