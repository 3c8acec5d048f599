"""The signed cookie of a session in the panel: valid for an hour, and bound to the user and to their Clerk session."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer

from whyviral.core.redaction import hide

COOKIE = "whyviral_admin"
MAX_AGE_S = 3600
_SALT = "whyviral admin session"


@dataclass(frozen=True, slots=True)
class AdminSession:
    """The content of a cookie."""

    user_id: uuid.UUID
    session_id: str
    """Clerk's id of the session, whose end also ends this one."""
    csrf_token: str
    """Every form contains it; pages of other sites cannot read it."""

    @classmethod
    def start(cls, user_id: uuid.UUID, session_id: str) -> "AdminSession":
        """Return a new session with a new token."""
        return cls(user_id, session_id, secrets.token_urlsafe(32))


class CookieSigner:
    """Signs and reads cookies. The first secret signs, and all are accepted, so that a secret can be replaced."""

    def __init__(self, cookie_secrets: Sequence[str]) -> None:
        """Create the signer; its secrets are hidden from the logs of this process."""
        for secret in cookie_secrets:
            hide(secret)
        # itsdangerous signs with the last one.
        self._serializer = URLSafeTimedSerializer(
            list(reversed(cookie_secrets)), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )

    def sign(self, session: AdminSession) -> str:
        """Return the value of a cookie."""
        return str(self._serializer.dumps([str(session.user_id), session.session_id, session.csrf_token]))

    def read(self, value: str | None) -> AdminSession | None:
        """Return the session of a cookie; None if it is missing, forged or older than an hour."""
        if value is None:
            return None
        try:
            user_id, session_id, csrf_token = self._serializer.loads(value, max_age=MAX_AGE_S)
            return AdminSession(uuid.UUID(user_id), str(session_id), str(csrf_token))
        except (BadData, ValueError, TypeError, AttributeError):
            return None
