"""Redaction hides secrets and e-mail addresses in log lines, and leaves other text alone."""

import io
import json
import logging
import uuid
from decimal import Decimal

import pytest
from pydantic import SecretStr

from whyviral.core.logging import build_logger
from whyviral.core.redaction import HIDDEN, hide, redacted, redacted_values
from whyviral.core.settings import StorageSettings

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6Imluc18xIn0.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sent to ada@example.com.", "sent to [hidden]."),
        ("<Ada.Lovelace+news@mail.example.co.uk>", "<[hidden]>"),
        ("müller@exämple.de", "[hidden]"),
        ("?email=ada%40example.com&x=1", "?email=[hidden]&x=1"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer [hidden]"),
        ("basic dXNlcjpwYXNz", "basic [hidden]"),
        (f"token {JWT} refused", "token [hidden] refused"),
        ("postgresql://app:s3cret@db.example.com:6543/postgres?x=1 is away", "[hidden] is away"),
        ("postgresql+pg8000://app@db/postgres", "[hidden]"),
        ("https://user:pass@proxy.example.com/", "https://[hidden]proxy.example.com/"),
        ("sk_test_abc123 sk_live_abc123 whsec_abc/+= sb_secret_abc", "[hidden] [hidden] [hidden] [hidden]"),
        ("GET https://example.com/v3?part=x&key=AIzaX&y=2", "GET https://example.com/v3?part=x&key=[hidden]&y=2"),
        ("AIzaSyA1234567890abcdefghijklm", "[hidden]"),
        ("key ak_0123456789abcdef, twice: ak_abcdefgh", "key [hidden], twice: [hidden]"),
        ("ak_short break_1234567890", "ak_short break_1234567890"),
        ("sk-ant-api03-abcdefghijklmnop", "[hidden]"),
        ("?code=123456", "?code=[hidden]"),
    ],
)
def test_text_that_looks_like_a_secret_or_an_email_address_is_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "request 7d9f43c4-94b0-4d0e-a65e-f9f7f4d8c3de",
        "https://x.com/jack/status/20?s=20",
        "@jack wrote to @jill",
        "GET /users/{id}",
        "a code=7 b",
        "user_2abc sess_2abc",
        "arn:aws:states:us-east-1:000000000000:execution:whyviral:1",
        "media.files.example.org",
    ],
)
def test_ordinary_text_is_not_redacted(text: str) -> None:
    assert redacted(text) == text


def test_values_are_redacted_at_any_depth() -> None:
    some_id = uuid.uuid4()
    line = {
        "message": "ada@example.com",
        "ada@example.com": 1,
        "nested": [{"trace": ("by ada@example.com", 2.5, None, True)}],
        "error": ValueError("ada@example.com"),
        "id": some_id,
        "cost": Decimal("0.10"),
        "Authorization": "anything",
        "input_tokens": 12,
    }

    assert redacted_values(line) == {
        "message": HIDDEN,
        HIDDEN: 1,
        "nested": [{"trace": ["by [hidden]", 2.5, None, True]}],
        "error": HIDDEN,
        "id": str(some_id),
        "cost": "0.10",
        "Authorization": HIDDEN,
        "input_tokens": 12,
    }


def test_the_value_of_a_secret_setting_is_hidden_even_if_it_looks_ordinary() -> None:
    StorageSettings(
        supabase_db_url=SecretStr("postgresql://app@db/postgres"),
        supabase_url="https://example.supabase.co",
        supabase_secret_key=SecretStr("plain words that look ordinary"),
    )

    assert redacted("it said: plain words that look ordinary!") == "it said: [hidden]!"


def test_a_secret_is_hidden_in_text_that_was_logged_before_it_was_known() -> None:
    text = f"key {uuid.uuid4()}"
    before = redacted(text)

    hide(text.removeprefix("key "))

    assert (before, redacted(text)) == (text, "key [hidden]")


def test_a_secret_setting_shorter_than_twelve_characters_is_not_hidden() -> None:
    hide("stand-in")

    assert redacted("a stand-in") == "a stand-in"


@pytest.mark.parametrize("unit", ["a", "a@", "a.", "eyJ", "://", "?key=", "%40", "sk_test_", "bearer "])
def test_a_long_line_is_redacted_in_linear_time(unit: str) -> None:
    redacted(unit * (500_000 // len(unit)))  # superlinear work would not finish


def test_a_log_line_with_redacted_fields_is_still_valid_json() -> None:
    logger = build_logger("redaction")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.getLogger("redaction").handlers[0].formatter)
    logging.getLogger("redaction").addHandler(handler)
    try:
        int('"ada@example.com"\nand sk_test_abc')
    except ValueError:
        logger.exception("failed for ada@example.com", extra={"url": "postgresql://a:b@c/d", "quote": '"\n\\'})
    logging.getLogger("redaction").removeHandler(handler)

    line = json.loads(stream.getvalue())
    assert (line["message"], line["url"], line["quote"]) == ("failed for [hidden]", HIDDEN, '"\n\\')
    assert "ada@" not in stream.getvalue()
    assert "sk_test_abc" not in stream.getvalue()
    assert "ValueError" in line["exception"]
