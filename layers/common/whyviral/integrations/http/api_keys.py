"""Keys of vendors, as they may be sent in a header, and named where many share what a vendor bears with one."""

import hashlib

_NAME_LENGTH = 32


def checked_key(key: str, *, name: str) -> str:
    """Return `key` if it can be a header's value; a broken one would be quoted in transport errors.

    Raises:
        ValueError: naming the key, never showing it.
    """
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{name} is empty or holds characters that no key has")
    return key


def hash_of_key(key: str, *, scope: str = "") -> str:
    """Return a name for `key` that does not tell it: such keys are random, so nobody can guess them from their hash.

    Args:
        key: an API key.
        scope: what has a limit of its own with this key, such as one of a vendor's models.
    """
    return hashlib.sha256(f"{key}\0{scope}".encode()).hexdigest()[:_NAME_LENGTH]
