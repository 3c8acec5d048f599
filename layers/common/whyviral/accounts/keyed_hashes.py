"""Keyed hashes of values that we must recognise but must not store: e-mail addresses before sign-in, and codes."""

import hashlib
import hmac


class KeyedHashes:
    """HMACs under a key that is derived from a secret; after the secret changes, older hashes match nothing."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"whyviral keyed hashes", hashlib.sha256)

    def of_email(self, email: str) -> str:
        """Return the hash of an e-mail address, ignoring case."""
        return self._of("email", email.lower())

    def of_code(self, verification_id: str, code: str) -> str:
        """Return the hash of a code and its verification: the same code has another hash in another verification."""
        return self._of("code", f"{verification_id} {code}")

    def _of(self, kind: str, value: str) -> str:
        return hmac.digest(self._key, f"{kind} {value}".encode(), hashlib.sha256).hex()
