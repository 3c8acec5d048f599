import pytest

from whyviral.integrations.http.untrusted_json import NotJson, parse_untrusted_json


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"\xff\xfe\xfa", b"[" * 100_000, b"[" * 100 + b"]" * 100, b"1" * 5000]
)
def test_invalid_or_deeply_nested_json_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_untrusted_json(body)


def test_values_that_postgres_cannot_store_are_replaced() -> None:
    document = parse_untrusted_json(rb'{"a\u0000": ["\ud800x", "\ud83d\ude00", NaN, 1e999, 1.5, 7]}')

    assert document == {"a\ufffd": ["\ufffdx", "\U0001f600", None, None, 1.5, 7]}
