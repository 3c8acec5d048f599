"""Whether a webhook comes from whom it says. Source: standardwebhooks.com; Svix and Dodo sign in this way."""

import base64
import binascii
import re
from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

_PARTS = ("id", "timestamp", "signature")
_EVENT_ID = re.compile(r"[!-\-/-~]{1,255}")
"""Printable ASCII without the dot, which separates id, timestamp and body in the signed text."""
_SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret
_VERSION = "v1"


class InvalidSignature(Exception):
    """The webhook proves nothing; neither headers nor body are in the message."""


def signing_key(secret: str) -> bytes:
    """Return the key in a signing secret: `whsec_` and base64, with or without padding.

    Raises:
        ValueError: not a signing secret.
    """
    encoded = secret.removeprefix(_SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or not key:
        raise ValueError("not a signing secret: whsec_ and base64, as the sender's dashboard shows it")
    return key


def verified_event_id(secret: str, *, headers: Mapping[str, str], body: bytes, prefix: str) -> str:
    """Return the sender's id of a webhook that is signed with the secret and not older than five minutes.

    Args:
        secret: as `signing_key` reads it.
        headers: of the request, by lower-case names.
        body: exactly as it came: JSON that has been read and written again has another signature.
        prefix: how the sender begins the names of its headers: `webhook`, or `svix`.

    Raises:
        InvalidSignature: it is not signed, signed otherwise, or too old or new.
    """
    # The library knows its own names only, and refuses Svix's.
    named = {f"webhook-{part}": headers.get(f"{prefix}-{part}", "") for part in _PARTS}
    if not _EVENT_ID.fullmatch(named["webhook-id"]):
        raise InvalidSignature
    named["webhook-signature"] = _readable_signatures(named["webhook-signature"])
    try:
        Webhook(signing_key(secret)).verify(body, named, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: the body is not UTF-8, or the secret is none
        raise InvalidSignature from None
    return named["webhook-id"]


def _readable_signatures(header: str) -> str:
    """Return the signatures of our version that are base64: the library gives up at the first that is not."""
    return " ".join(entry for entry in header.split() if _is_readable(entry))


def _is_readable(entry: str) -> bool:
    version, comma, signature = entry.partition(",")
    try:
        return version == _VERSION and bool(comma) and bool(base64.b64decode(signature, validate=True))
    except ValueError:  # not base64, or not ASCII
        return False
