"""Hashes of what we must recognise but not know: addresses of people who have not signed in, and codes."""

import hashlib
import hmac


class KeyedHashes:
    """HMACs under a key that is derived from a secret; another secret makes old hashes unrecognisable."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"whyviral keyed hashes", hashlib.sha256)

    def of_email(self, email: str) -> str:
        """Return the hash of an address; upper and lower case are the same."""
        return self._of("email", email.lower())

    def of_code(self, verification_id: str, code: str) -> str:
        """Return the hash of a code, which is of use for its own verification only."""
        return self._of("code", f"{verification_id} {code}")

    def _of(self, kind: str, value: str) -> str:
        return hmac.digest(self._key, f"{kind} {value}".encode(), hashlib.sha256).hex()
