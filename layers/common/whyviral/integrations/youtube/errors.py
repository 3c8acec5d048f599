"""Every refusal of YouTube, in our categories.

The player states a status, which decides whether the refusal is final; the text beside it only words the reason. yt-dlp
passes the text on, so it is matched here and never shown or logged.
Source: yt-dlp 2026.10.26, extractor/youtube/_video.py, run against each answer.
"""

import re
from collections.abc import Sequence
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
_NO_CHANNEL = "YouTube has no channel with this name."
_CANNOT_BE_PLAYED = "YouTube says that this video cannot be played."
_SIGN_IN = "YouTube shows this video to signed-in users only."
_OFFLINE = "This live stream is offline, so YouTube has no video of it."
_BLOCKED = "YouTube does not answer our address at the moment."
_SLOW_DOWN = "YouTube asks us to slow down."
_NO_FILE = "YouTube gives no file of this video at the moment."
_UNAVAILABLE = "YouTube is unavailable at the moment."
_UNREADABLE = "YouTube sent an answer that could not be read."
_TOO_LATE = "YouTube did not answer in time."

_BLOCKED_FOR_S = 60.0
"""Blocks of an address last from minutes to days; the fetch stage's own budget ends the waiting."""
_SESSION_LIMITED_FOR_S = 3600.0
"""Source: the message itself, "for up to an hour"."""


class YouTubeBlocked(ProviderError):
    """YouTube refuses our address for a while: another address or another source may still get the video."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a piece of YouTube's text means."""

    words: tuple[str, ...]
    category: ErrorCategory
    message: str
    retry_after_s: float | None = None


# The first rule with a word in the text counts. A special text stands before a general one: a bot check also says
# "sign in", and most refusals begin with "Video unavailable".
_RULES = (
    _Rule(("not a bot", "captcha", "ip is likely being blocked"), ErrorCategory.RATE_LIMIT, _BLOCKED, _BLOCKED_FOR_S),
    _Rule(
        ("rate-limited by youtube", "content isn't available, try again later"),
        ErrorCategory.RATE_LIMIT,
        "YouTube has limited our address for up to an hour.",
        _SESSION_LIMITED_FOR_S,
    ),
    # Faults of a player or a server, which pass. Source: issues of yt-dlp/yt-dlp, 2026-11.
    _Rule(
        (
            "error code:",
            "error occurred",
            "something went wrong",
            "needs to be reloaded",
            "temporarily unavailable",
            "not available on this app",
            "please try again",
        ),
        ErrorCategory.PROVIDER_ERROR,
        _UNAVAILABLE,
    ),
    _Rule(
        ("members-only", "join this channel", "available to this channel's members"),
        ErrorCategory.PRIVATE,
        "Only members of the channel can watch this video.",
    ),
    _Rule(("music premium",), ErrorCategory.UNSUPPORTED, "Only subscribers of YouTube Music can watch this video."),
    _Rule(("youtube premium",), ErrorCategory.UNSUPPORTED, "Only subscribers of YouTube Premium can watch this video."),
    _Rule(("private video", "video is private", "made private"), ErrorCategory.PRIVATE, "This video is private."),
    _Rule(
        ("confirm your age", "verify your age", "inappropriate for some users", "age-restricted"),
        ErrorCategory.UNSUPPORTED,
        AGE_RESTRICTED,
    ),
    _Rule(
        ("in your country", "from your location", "in your region"),
        ErrorCategory.UNSUPPORTED,
        "YouTube does not show this video in the country we ask from.",
    ),
    _Rule(
        ("blocked it on copyright grounds", "blocked it from display"),
        ErrorCategory.UNSUPPORTED,
        "The owner of a copyright has blocked this video.",
    ),
    _Rule(("copyright claim",), ErrorCategory.REMOVED, "This video is gone: its copyright was claimed."),
    _Rule(
        ("account associated with this video has been terminated",),
        ErrorCategory.REMOVED,
        "This video is gone: YouTube closed the account it belonged to.",
    ),
    _Rule(
        ("removed by the uploader", "removed by the user"), ErrorCategory.REMOVED, "The channel has removed this video."
    ),
    _Rule(("has been removed",), ErrorCategory.REMOVED, "YouTube has removed this video."),
    _Rule(("closed their youtube account",), ErrorCategory.REMOVED, "This video is gone: its account was closed."),
    _Rule(
        ("uploader has not made this video available",),
        ErrorCategory.UNSUPPORTED,
        "The channel has not made this video available.",
    ),
    _Rule(("requires payment", "rent or buy"), ErrorCategory.UNSUPPORTED, PAID),
    _Rule(("requires a subscription",), ErrorCategory.UNSUPPORTED, "This video requires a paid subscription."),
    _Rule(
        ("live stream recording is not available", "live event has ended", "live stream has ended"),
        ErrorCategory.UNSUPPORTED,
        "This live stream is over, and YouTube has no recording of it.",
    ),
    _Rule(("will begin", "premieres in", "premiere will"), ErrorCategory.UNSUPPORTED, UPCOMING),
    _Rule(("offline",), ErrorCategory.UNSUPPORTED, _OFFLINE),
    _Rule(
        ("processing this video",),
        ErrorCategory.UNSUPPORTED,
        "YouTube is still processing this video; analyse it once it can be watched.",
    ),
    _Rule(("drm protected",), ErrorCategory.UNSUPPORTED, "This video is protected against copying."),
    _Rule(("please sign in", "must sign in", "sign in to watch"), ErrorCategory.UNSUPPORTED, _SIGN_IN),
    _Rule(("no longer available",), ErrorCategory.REMOVED, "This video is gone: YouTube does not show it any more."),
    _Rule(("content isn't available",), ErrorCategory.UNSUPPORTED, _CANNOT_BE_PLAYED),
    _Rule(("incomplete youtube id", "looks truncated"), ErrorCategory.INVALID_URL, NOT_A_VIDEO_ID),
)
_NO_STREAMS = _Rule(("no video formats", "requested format is not available"), ErrorCategory.PROVIDER_ERROR, _NO_FILE)
"""What yt-dlp says of a video that YouTube does not refuse."""
_ABSENT = re.compile(
    r"(?:video unavailable|(?:this |the )?video (?:is unavailable|is not available|isn't available|does not exist"
    r"|doesn't exist|not found)(?: any ?more)?)"
)
_OF_YT_DLP = re.compile(r"\A(?:error: )?(?:\[youtube\][ :]*)?")
_ERROR = "ERROR"
_BY_STATUS = {
    "AGE_CHECK_REQUIRED": AGE_RESTRICTED,
    "AGE_VERIFICATION_REQUIRED": AGE_RESTRICTED,
    "LIVE_STREAM_OFFLINE": _OFFLINE,
    "LOGIN_REQUIRED": _SIGN_IN,
}


def refusal_of_playability(status: str, text: str) -> ProviderError:
    """Return the refusal that the player states: final, unless the text is about our address or a passing fault.

    Args:
        status: of `playabilityStatus`, anything but OK.
        text: yt-dlp's message with YouTube's reason; may be empty.
    """
    words = _words_of(text)
    if rule := _find_rule(words, _RULES):
        return _refusal(rule)
    # Only an ERROR says that there is no such video; a video that cannot be played exists.
    if status == _ERROR and _is_absent(words):
        return not_found()
    return unsupported(_BY_STATUS.get(status, _CANNOT_BE_PLAYED))


def refusal_of_text(text: str) -> ProviderError | None:
    """Return what a text of YouTube or yt-dlp means where the player stated no status; None for an unknown one."""
    words = _words_of(text)
    if rule := _find_rule(words, (*_RULES, _NO_STREAMS)):
        return _refusal(rule)
    if _is_absent(words):
        return not_found()
    return unsupported(_CANNOT_BE_PLAYED) if words.startswith("video unavailable") else None


def _words_of(text: str) -> str:
    lowered = text.lower().replace("\u2019", "'")
    return _OF_YT_DLP.sub("", lowered, count=1).strip()


def _is_absent(words: str) -> bool:
    """Return whether the text says that there is no such video and nothing else."""
    sentences = [sentence.strip() for sentence in words.split(".") if sentence.strip()]
    return bool(sentences) and all(map(_ABSENT.fullmatch, sentences))


def _find_rule(words: str, rules: Sequence[_Rule]) -> _Rule | None:
    return next((rule for rule in rules if any(word in words for word in rule.words)), None)


def _refusal(rule: _Rule) -> ProviderError:
    kind = YouTubeBlocked if rule.category is ErrorCategory.RATE_LIMIT else ProviderError
    return kind(
        rule.message,
        provider=PROVIDER,
        category=rule.category,
        is_transient=not rule.category.is_users_side,
        retry_after_s=rule.retry_after_s,
    )


def refusal_of_status(status: int, *, retry_after_s: float | None = None) -> ProviderError:
    """Return what the HTTP status of a failed answer means."""
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
    return unavailable(status=status)


def proxy_refused() -> ProviderError:
    """Return the error of a proxy that refuses our name and password."""
    message = "The proxy to YouTube refused our account."
    return ProviderError(message, provider=PROVIDER, category=ErrorCategory.AUTH, status=407)


def too_late() -> ProviderError:
    """Return the error of a timeout."""
    return ProviderError(_TOO_LATE, provider=PROVIDER, category=ErrorCategory.TIMEOUT, is_transient=True)


def unavailable(*, status: int | None = None) -> ProviderError:
    """Return the error of a server or network that fails."""
    return ProviderError(
        _UNAVAILABLE, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, is_transient=True, status=status
    )


def unreadable() -> ProviderError:
    """Return the error of an unreadable answer, which often means that yt-dlp is too old."""
    return ProviderError(_UNREADABLE, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, is_transient=True)


def no_file(*, status: int | None = None) -> ProviderError:
    """Return the error of a video without a file, or with one that YouTube does not give us."""
    return ProviderError(
        _NO_FILE, provider=PROVIDER, category=ErrorCategory.PROVIDER_ERROR, is_transient=True, status=status
    )


def too_large() -> ProviderError:
    """Return the error of a file or page above its size limit."""
    message = "What YouTube sends of this video is too large."
    return ProviderError(message, provider=PROVIDER, category=ErrorCategory.MEDIA_ERROR)


def not_found() -> ProviderError:
    """Return the refusal of a video that does not exist or is not public."""
    return ProviderError(NOT_FOUND, provider=PROVIDER, category=ErrorCategory.NOT_FOUND)


def channel_not_found() -> ProviderError:
    """Return the refusal of a channel that does not exist."""
    return ProviderError(_NO_CHANNEL, provider=PROVIDER, category=ErrorCategory.NOT_FOUND)


def unsupported(message: str) -> ProviderError:
    """Return the refusal of a video that cannot be analysed; `message` says why."""
    return ProviderError(message, provider=PROVIDER, category=ErrorCategory.UNSUPPORTED)


_CHANNEL_RULES = (
    _Rule(("channel does not exist", "http error 404"), ErrorCategory.NOT_FOUND, _NO_CHANNEL),
    _Rule(("account has been terminated",), ErrorCategory.REMOVED, "YouTube closed this channel."),
    _Rule(("does it exist", "playlist exist"), ErrorCategory.PROVIDER_ERROR, _UNREADABLE),
)
"""What yt-dlp says of a channel's tab. Source: yt-dlp 2026.10.26, extractor/youtube/_tab.py, run."""
_NO_TAB = re.compile(r"does not have an? \S+ tab")


def refusal_of_channel(text: str) -> ProviderError | None:
    """Return what a message of yt-dlp means for a channel; `EmptyTab` if it has no videos of the kind."""
    words = text.lower()
    if _NO_TAB.search(words):
        return EmptyTab("This channel has no videos of this kind.", provider=PROVIDER, category=ErrorCategory.NOT_FOUND)
    rule = _find_rule(words, _CHANNEL_RULES)
    return _refusal(rule) if rule else refusal_of_text(text)


class EmptyTab(ProviderError):
    """The channel exists and has no tab of this kind."""
