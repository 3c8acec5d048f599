"""Every way in which YouTube says no, in our categories.

yt-dlp hands on the words that YouTube shows, so they are matched; nothing of them is ever shown or logged.
Source: yt-dlp 2026.10.26, extractor/youtube/_video.py, run against each answer.
"""

from dataclasses import dataclass
from http import HTTPStatus

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError

PROVIDER = "youtube"
SERVICE = "YouTube"
NOT_A_VIDEO_ID = "YouTube has no videos with an id like this one."
NOT_FOUND = "YouTube shows no public video at this address."
LIVE_NOW = "This video is live now; it can be analysed once the broadcast has ended."
UPCOMING = "This video has not started yet; it can be analysed once it is over."
AGE_RESTRICTED = "YouTube shows this video to signed-in adults only."
TOO_LONG = "This video is longer than four hours, which is the most that can be analysed."
PAID = "This video must be paid for."
_BLOCKED = "YouTube does not answer our address at the moment."
_SLOW_DOWN = "YouTube asks us to slow down."
_NO_FILE = "YouTube gives no file of this video at the moment."
_OUT_OF_ORDER = "YouTube is out of order."
_UNREADABLE = "YouTube sent an answer that could not be read."
_TOO_LATE = "YouTube did not answer in time."

_BLOCKED_FOR_S = 60.0
"""Blocks of an address last from minutes to days; the fetch stage's own budget ends the waiting."""
_SESSION_LIMITED_FOR_S = 3600.0
"""Source: the message itself, "for up to an hour"."""


class YouTubeBlocked(ProviderError):
    """YouTube answers nobody at our address for a while: another address or another source may still get the video."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a piece of YouTube's text means."""

    words: tuple[str, ...]
    category: ErrorCategory
    message: str
    retry_after_s: float | None = None


# The first rule with a word in the text counts. What is special stands before what is general: a bot check also says
# "sign in", and most refusals begin with "Video unavailable".
_RULES = (
    _Rule(("not a bot", "captcha", "ip is likely being blocked"), ErrorCategory.RATE_LIMIT, _BLOCKED, _BLOCKED_FOR_S),
    _Rule(
        ("rate-limited by youtube", "try again later"),
        ErrorCategory.RATE_LIMIT,
        "YouTube has limited our address for up to an hour.",
        _SESSION_LIMITED_FOR_S,
    ),
    _Rule(
        ("members-only", "join this channel", "available to this channel's members"),
        ErrorCategory.PRIVATE,
        "Only members of the channel can watch this video.",
    ),
    _Rule(("music premium",), ErrorCategory.UNSUPPORTED, "Only subscribers of YouTube Music can watch this video."),
    _Rule(("private video", "video is private"), ErrorCategory.PRIVATE, "This video is private."),
    _Rule(("confirm your age", "inappropriate for some users"), ErrorCategory.UNSUPPORTED, AGE_RESTRICTED),
    _Rule(
        ("in your country", "from your location"),
        ErrorCategory.UNSUPPORTED,
        "YouTube does not show this video in the country we ask from.",
    ),
    _Rule(("copyright claim",), ErrorCategory.REMOVED, "This video is gone: somebody claimed its copyright."),
    _Rule(
        ("account associated with this video has been terminated",),
        ErrorCategory.REMOVED,
        "This video is gone: YouTube closed the account it belonged to.",
    ),
    _Rule(("removed by the uploader",), ErrorCategory.REMOVED, "The channel has removed this video."),
    _Rule(("has been removed",), ErrorCategory.REMOVED, "YouTube has removed this video."),
    _Rule(("requires payment", "rent or buy"), ErrorCategory.UNSUPPORTED, PAID),
    _Rule(("will begin", "premieres in"), ErrorCategory.UNSUPPORTED, UPCOMING),
    _Rule(("drm protected",), ErrorCategory.UNSUPPORTED, "This video is protected against copying."),
    _Rule(("no video formats", "requested format is not available"), ErrorCategory.PROVIDER_ERROR, _NO_FILE),
    _Rule(
        ("video unavailable", "video is unavailable", "video is not available", "available anymore", "does not exist"),
        ErrorCategory.NOT_FOUND,
        NOT_FOUND,
    ),
    _Rule(("incomplete youtube id", "looks truncated"), ErrorCategory.INVALID_URL, NOT_A_VIDEO_ID),
)


def refusal_of_text(text: str) -> ProviderError | None:
    """Return what YouTube's own words about a video mean, or None where they say nothing known."""
    words = text.lower()
    for rule in _RULES:
        if any(word in words for word in rule.words):
            kind = YouTubeBlocked if rule.category is ErrorCategory.RATE_LIMIT else ProviderError
            return kind(
                rule.message,
                provider=PROVIDER,
                category=rule.category,
                is_transient=not rule.category.is_users_side,
                retry_after_s=rule.retry_after_s,
            )
    return None


def refusal_of_status(status: int, *, retry_after_s: float | None = None) -> ProviderError:
    """Return what the status of an HTTP answer that is not a success means."""
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = _BLOCKED_FOR_S if retry_after_s is None else retry_after_s
            return YouTubeBlocked(
                _SLOW_DOWN,
                provider=PROVIDER,
                category=ErrorCategory.RATE_LIMIT,
                is_transient=True,
                retry_after_s=wait_s,
                status=status,
            )
        case HTTPStatus.FORBIDDEN:
            return YouTubeBlocked(
                _BLOCKED,
                provider=PROVIDER,
                category=ErrorCategory.RATE_LIMIT,
                is_transient=True,
                retry_after_s=_BLOCKED_FOR_S,
                status=status,
            )
        case HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return proxy_refused()
    return out_of_order(status=status)


def proxy_refused() -> ProviderError:
    """Return the error of a proxy that does not accept our name and password."""
    message = "The proxy to YouTube refused our account."
    return ProviderError(message, provider=PROVIDER, category=ErrorCategory.AUTH, status=407)


def too_late() -> ProviderError:
    """Return the error of an answer that did not come in time."""
    return ProviderError(_TOO_LATE, provider=PROVIDER, category=ErrorCategory.TIMEOUT, is_transient=True)


def out_of_order(*, status: int | None = None) -> ProviderError:
    """Return the error of a server or a network that does not work."""
    return ProviderError(
        _OUT_OF_ORDER, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, is_transient=True, status=status
    )


def unreadable() -> ProviderError:
    """Return the error of an answer that makes no sense, which often means that yt-dlp is too old."""
    return ProviderError(_UNREADABLE, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, is_transient=True)


def no_file(*, status: int | None = None) -> ProviderError:
    """Return the error of a video that has nothing to download, or whose file is kept from us."""
    return ProviderError(
        _NO_FILE, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, is_transient=True, status=status
    )


def too_large() -> ProviderError:
    """Return the error of a file that is larger than was allowed."""
    message = "What YouTube sends of this video is too large."
    return ProviderError(message, provider=PROVIDER, category=ErrorCategory.MEDIA_ERROR)


def not_found() -> ProviderError:
    """Return the refusal of a video that is not public, or not there."""
    return ProviderError(NOT_FOUND, provider=PROVIDER, category=ErrorCategory.NOT_FOUND)


def unsupported(message: str) -> ProviderError:
    """Return the refusal of a video that we do not take, told in `message`."""
    return ProviderError(message, provider=PROVIDER, category=ErrorCategory.UNSUPPORTED)
