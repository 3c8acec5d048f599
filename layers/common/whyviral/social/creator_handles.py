"""Parses creators' handles and profile URLs: each names one account of one platform, or is rejected with a reason.

Parsing is pure: it fetches nothing. Only the handle that was validated here goes to providers and the database.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .invalid_urls import InvalidPostUrl
from .platforms import Platform
from .post_urls import find_platform
from .web_addresses import WebAddress, read_web_address

_X = re.compile(r"[A-Za-z0-9_]{1,15}")
_INSTAGRAM = re.compile(r"(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._]{0,28}[A-Za-z0-9_])?")
_YOUTUBE = re.compile(r"\w(?:[\w.\u00b7-]{1,28})\w")
"""Handles of 3 to 30 characters in any script. Source: support.google.com/youtube/answer/11585688, 2026-11."""
_CHANNEL = re.compile(r"UC[A-Za-z0-9_-]{22}")
_PATTERNS: Mapping[Platform, re.Pattern[str]] = {
    Platform.X: _X,
    Platform.INSTAGRAM: _INSTAGRAM,
    Platform.YOUTUBE: _YOUTUBE,
}
_RESERVED: Mapping[Platform, frozenset[str]] = {
    Platform.X: frozenset(
        {"home", "explore", "i", "search", "settings", "notifications", "messages", "intent", "share", "hashtag"}
    ),
    Platform.INSTAGRAM: frozenset(
        {"p", "reel", "reels", "tv", "explore", "stories", "accounts", "direct", "share", "about", "legal", "web"}
    ),
    Platform.YOUTUBE: frozenset(),
}
"""The first words of paths that are no accounts."""
_SHAPES: Mapping[Platform, str] = {
    Platform.X: "a handle of X has 1 to 15 letters, digits and underscores, such as @jack",
    Platform.INSTAGRAM: "a handle of Instagram has 1 to 30 letters, digits, dots and underscores, such as @instagram",
    Platform.YOUTUBE: "a handle of YouTube has 3 to 30 characters, such as @YouTube; a channel id starts with UC",
}
_TABS = frozenset({"", "videos", "shorts", "streams", "featured", "about", "media", "with_replies", "reels", "tagged"})
"""Pages of a profile that may follow its name."""


class InvalidHandle(ValueError):
    """The text names no account that whyviral can analyse; `message` tells the user what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class CreatorHandle:
    """One account of a platform by its handle, without `@`, or by the id of its YouTube channel."""

    platform: Platform
    handle: str


def parse_handle(text: str, platform: Platform | None) -> CreatorHandle:
    """Return the account that a handle or a profile URL names.

    Args:
        text: the handle, with or without `@`, or the URL of a profile.
        platform: the platform of a handle; a URL names its own, which must agree.

    Raises:
        InvalidHandle: the text is neither, or its platform is missing or another one.
    """
    text = text.strip()
    if "/" not in text and "://" not in text:
        if platform is None:
            raise InvalidHandle("Send the platform of the handle, too: instagram, x or youtube.")
        return CreatorHandle(platform, _checked(text.removeprefix("@"), platform))
    try:
        address = read_web_address(text)
    except InvalidPostUrl:
        raise InvalidHandle("This is neither a handle nor the link of a profile, such as https://x.com/jack.") from None
    found = find_platform(address.host)
    if found is None:
        raise InvalidHandle("Only profiles of Instagram, X and YouTube can be analysed: paste the profile's own link.")
    if platform is not None and platform is not found:
        raise InvalidHandle(f"This link is a profile of {found}, and the platform is {platform}. Send one of the two.")
    return CreatorHandle(found, _checked(_name_in(address, found), found))


def _name_in(address: WebAddress, platform: Platform) -> str:
    match address.parts:
        case ["channel", channel, tab, *_] if platform is Platform.YOUTUBE and tab in _TABS:
            return channel
        case [name, tab, *_] if tab in _TABS and (platform is not Platform.YOUTUBE or name.startswith("@")):
            return name.removeprefix("@")
    if platform is Platform.YOUTUBE:
        raise InvalidHandle(
            "This is not the link of a channel: open the channel and copy its link, which contains @ or /channel/."
        )
    raise InvalidHandle(
        "This is not the link of a profile: open the profile and copy its link, such as https://x.com/jack."
    )


def _checked(name: str, platform: Platform) -> str:
    if platform is Platform.YOUTUBE and _CHANNEL.fullmatch(name):
        return name
    if not _PATTERNS[platform].fullmatch(name) or name.lower() in _RESERVED[platform]:
        raise InvalidHandle(f"This is not a handle: {_SHAPES[platform]}.")
    return name
