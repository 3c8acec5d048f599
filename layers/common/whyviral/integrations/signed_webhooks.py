"""Signatures of webhooks: verifies incoming ones and signs outgoing ones.

Source: standardwebhooks.com; Svix and Dodo sign in this way.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

_PARTS = ("id", "timestamp", "signature")
_EVENT_ID = re.compile(r"[!-\-/-~]{1,255}")
"""Printable ASCII except the dot, which separates id, timestamp and body in the signed text."""
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
"""The library also reads decimals, which are not what was signed."""
_SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret
_VERSION = "v1"


class InvalidSignature(Exception):
    """The signature is missing, invalid or outside the time limit; the message quotes neither headers nor body."""


def signing_key(secret: str) -> bytes:
    """Decode a signing secret: `whsec_` and base64, with or without padding.

    Raises:
        ValueError: the text is not a signing secret.
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
    """Verify a webhook, which must be at most five minutes old, and return the sender's id of the event.

    Args:
        secret: the signing secret, in the format of `signing_key`.
        headers: the request's headers, with lower-case names.
        body: the unchanged bytes of the request, because re-encoded JSON has a different signature.
        prefix: the prefix of the sender's header names: `webhook` or `svix`.

    Raises:
        InvalidSignature: the signature is missing or invalid, or the timestamp is too old or too new.
    """
    # The library accepts only the standard's own header names, not Svix's.
    named = {f"webhook-{part}": headers.get(f"{prefix}-{part}", "") for part in _PARTS}
    if not _EVENT_ID.fullmatch(named["webhook-id"]) or not _TIMESTAMP.fullmatch(named["webhook-timestamp"]):
        raise InvalidSignature
    named["webhook-signature"] = _readable_signatures(named["webhook-signature"])
    try:
        Webhook(signing_key(secret)).verify(body, named, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: the body is not UTF-8, or the secret is invalid
        raise InvalidSignature from None
    return named["webhook-id"]


def signature_headers(secrets: Sequence[str], *, message_id: str, content: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a signed webhook.

    Args:
        secrets: the signing secrets, in the format of `signing_key`; a receiver accepts a signature of any of them.
        message_id: the same for every attempt to deliver the message.
        content: the body, in UTF-8.
        now: the time of the attempt.
    """
    signatures = [Webhook(signing_key(secret)).sign(message_id, now, content.decode()) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _readable_signatures(header: str) -> str:
    """Return the v1 signatures that are valid base64, because the library stops at the first invalid one."""
    return " ".join(entry for entry in header.split() if _is_readable(entry))


def _is_readable(entry: str) -> bool:
    version, comma, signature = entry.partition(",")
    try:
        return version == _VERSION and bool(comma) and bool(base64.b64decode(signature, validate=True))
    except ValueError:  # not base64, or not ASCII
        return False
