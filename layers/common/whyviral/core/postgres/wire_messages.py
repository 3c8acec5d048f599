"""Encoders for messages of PostgreSQL's frontend protocol. Source: PostgreSQL, "Message Formats"."""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

_NULL_LENGTH = -1
_int32 = Struct("!i").pack
_int16 = Struct("!H").pack
_EXECUTE = b"E" + _int32(9) + b"\x00" + _int32(0)
_DESCRIBE_PORTAL = b"D" + _int32(6) + b"P\x00"
SYNC = b"S" + _int32(4)
TERMINATE = b"X" + _int32(4)


def _message(code: bytes, body: bytes) -> bytes:
    return code + _int32(len(body) + 4) + body


def query(sql: str) -> bytes:
    """Return the message that runs SQL without parameters."""
    return _message(b"Q", sql.encode() + b"\x00")


def run(statement: str, params: Sequence[str | None], oids: Sequence[int], *, describe: bool = False) -> bytes:
    """Return the messages that run a statement as the unnamed one; `describe` also requests its result columns."""
    types = b"".join(_int32(max(oid, 0)) for oid in oids)  # pg8000 uses -1 for a NULL without a type
    values = b"".join(map(_value, params))
    parse = _message(b"P", b"\x00" + statement.encode() + b"\x00" + _int16(len(oids)) + types)
    bind = _message(b"B", b"\x00\x00" + _int16(0) + _int16(len(params)) + values + _int16(0))
    return parse + bind + (_DESCRIBE_PORTAL if describe else b"") + _EXECUTE


@lru_cache(maxsize=32)
def run_plain(statement: str) -> bytes:
    """Return the messages that run a statement without parameters or results, such as the begin of a transaction."""
    return run(statement, (), ())


def _value(text: str | None) -> bytes:
    if text is None:
        return _int32(_NULL_LENGTH)
    encoded = text.encode()
    return _int32(len(encoded)) + encoded
