"""The reasons for which a text is rejected as a post URL, with a message for each."""

from collections.abc import Mapping
from enum import StrEnum

from whyviral.core.errors import ErrorCategory


class InvalidUrlReason(StrEnum):
    """Why a text is rejected as a post URL; the reasons are checked in this order."""

    NOT_A_URL = "not_a_url"
    UNSUPPORTED_SCHEME = "unsupported_scheme"
    USERINFO = "userinfo"
    BAD_PORT = "bad_port"
    IP_HOST = "ip_host"
    NON_ASCII_HOST = "non_ascii_host"
    UNSUPPORTED_HOST = "unsupported_host"
    SHARE_LINK = "share_link"
    NOT_A_POST = "not_a_post"
    BAD_ID = "bad_id"


_UNSUPPORTED = frozenset({InvalidUrlReason.UNSUPPORTED_HOST, InvalidUrlReason.SHARE_LINK, InvalidUrlReason.NOT_A_POST})

_MESSAGES: Mapping[InvalidUrlReason, str] = {
    InvalidUrlReason.NOT_A_URL: (
        "This is not a valid post link: paste one web address alone, without text or punctuation around it, "
        "such as https://x.com/jack/status/20."
    ),
    InvalidUrlReason.UNSUPPORTED_SCHEME: "This is not a valid post link: it must start with https:// or http://.",
    InvalidUrlReason.USERINFO: "This is not a valid post link: remove everything up to the @ before the site's name.",
    InvalidUrlReason.BAD_PORT: "This is not a valid post link: remove the port number after the site's name.",
    InvalidUrlReason.IP_HOST: (
        "This is not a valid post link: use the site's name, such as www.instagram.com, not a numeric address."
    ),
    InvalidUrlReason.NON_ASCII_HOST: (
        "This is not a valid post link: the site's name has letters that only look like the real ones; "
        "copy the link from the site itself."
    ),
    InvalidUrlReason.UNSUPPORTED_HOST: (
        "Only Instagram, X and YouTube posts can be analysed: paste the post's own link, not a short or mirrored one."
    ),
    InvalidUrlReason.SHARE_LINK: (
        "Instagram share links hide the post: open it in a browser and paste the link from the address bar."
    ),
    InvalidUrlReason.NOT_A_POST: (
        "This link is a profile, list or search, not one post: open the post itself and copy its link."
    ),
    InvalidUrlReason.BAD_ID: (
        "This is not a valid post link: the post's id is missing or malformed; copy the whole link again."
    ),
}


PUNCTUATION_AFTER_ID = (
    "This is not a valid post link: remove the last character, which is not part of the link, and paste the link alone."
)


class InvalidPostUrl(ValueError):
    """The text is not the URL of a post that whyviral can analyse."""

    def __init__(self, reason: InvalidUrlReason, *, message: str | None = None) -> None:
        """Reject with the reason's message, or with a more specific `message` for the user."""
        super().__init__(message or _MESSAGES[reason])
        self.reason = reason
        self.message = message or _MESSAGES[reason]
        """Tells the user what is wrong with the link and what to do."""

    @property
    def category(self) -> ErrorCategory:
        """Return UNSUPPORTED for a valid link to something else than a supported post, else INVALID_URL."""
        return ErrorCategory.UNSUPPORTED if self.reason in _UNSUPPORTED else ErrorCategory.INVALID_URL
