"""Whether a webhook comes from whom it says. Source: standardwebhooks.com; Svix and Dodo sign in this way."""

import re
from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

_PARTS = ("id", "timestamp", "signature")
_EVENT_ID = re.compile(r"[!-~]{1,255}")


class InvalidSignature(Exception):
    """The webhook proves nothing; neither headers nor body are in the message."""


def verified_event_id(secret: str, *, headers: Mapping[str, str], body: bytes, prefix: str) -> str:
    """Return the sender's id of a webhook that is signed with the secret and not older than five minutes.

    Args:
        secret: `whsec_` and base64.
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
    try:
        Webhook(secret).verify(body, named, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: broken base64, no comma in a signature, not UTF-8
        raise InvalidSignature from None
    return named["webhook-id"]
