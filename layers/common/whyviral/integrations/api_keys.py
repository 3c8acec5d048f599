"""Keys of vendors, as they may be sent in a header."""


def checked_key(key: str, *, name: str) -> str:
    """Return `key` if it can be a header's value; a broken one would be quoted in transport errors.

    Raises:
        ValueError: naming the key, never showing it.
    """
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{name} is empty or holds characters that no key has")
    return key
