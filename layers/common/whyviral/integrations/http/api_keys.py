"""Vendor API keys: validation before they are sent in a header, and hashes that identify them."""

import hashlib

_NAME_LENGTH = 32


def checked_key(key: str, *, name: str) -> str:
    """Return `key` stripped of blanks; an invalid header value would be quoted in transport errors.

    Raises:
        ValueError: the key is invalid; the message contains `name` but never the key.
    """
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{name} is empty or holds characters that no key has")
    return key


def hash_of_key(key: str, *, scope: str = "") -> str:
    """Return a hash that identifies `key` without revealing it: keys are random, so the hash cannot be reversed.

    Args:
        key: an API key.
        scope: the part of the vendor's service that has a separate limit per key, such as a model.
    """
    return hashlib.sha256(f"{key}\0{scope}".encode()).hexdigest()[:_NAME_LENGTH]
