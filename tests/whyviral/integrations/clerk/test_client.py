import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.fixtures.stand_ins import StandInsClient
from tests.fixtures.waits import WAIT_S
from whyviral.core.clock import utc_now
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.clerk.client import ClerkClient, ClerkRefusal, ClerkUser, CodeCheck
from whyviral.integrations.errors import ProviderError
from whyviral.vendor_calls.calls import CallCollector

SECRET_KEY = "sk_test_stand_in"


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def clerk(local_endpoints: Endpoints, calls: CallCollector) -> ClerkClient:
    return ClerkClient(SECRET_KEY, calls=calls, timeout_s=WAIT_S)


def test_a_user_is_parsed_and_the_call_is_free(
    stand_ins: StandInsClient, clerk: ClerkClient, calls: CallCollector
) -> None:
    user_id = stand_ins.token("ann@example.com")["user_id"]

    user = clerk.get_user(user_id)

    assert (user.id, user.email, user.email_verified) == (user_id, "ann@example.com", True)
    (call,) = calls.drain()
    assert (call.provider, call.operation, call.status, call.cost_usd, call.is_stand_in) == (
        "clerk",
        "GET /users/{id}",
        200,
        Decimal(0),
        True,
    )
    assert user_id not in str(call)


@pytest.mark.parametrize(
    ("addresses", "email", "is_verified"),
    [
        ([], None, False),
        (None, None, False),
        ([{"id": "idn_1"}, {"id": "idn_2", "email_address": None}], None, False),
        ([{"email_address": "b@b.co"}, {"id": "idn_1", "email_address": "a@b.co"}], "a@b.co", False),
        ([{"id": "idn_2", "email_address": "b@b.co", "verification": {"status": "verified"}}], None, False),
        ([{"id": "idn_1", "email_address": "a@b.co", "verification": None}], "a@b.co", False),
        ([{"id": "idn_1", "email_address": "a@b.co", "verification": {"status": "unverified"}}], "a@b.co", False),
        (
            [
                {"id": "idn_2", "email_address": "b@b.co", "verification": None},
                {"id": "idn_1", "email_address": "a@b.co", "verification": {"status": "verified"}},
            ],
            "a@b.co",
            True,
        ),
    ],
)
def test_the_email_of_a_user_is_the_primary_address(
    stand_ins: StandInsClient, clerk: ClerkClient, addresses: list[Any] | None, email: str | None, is_verified: bool
) -> None:
    body = {
        "id": "user_1",
        "first_name": "Ann",
        "last_name": None,
        "image_url": "https://img.clerk.com/a",
        "primary_email_address_id": "idn_1",
        "email_addresses": addresses,
    }
    stand_ins.fault("clerk", "status", status=200, body=body)

    user = clerk.get_user("user_1")

    assert user == ClerkUser(
        "user_1",
        email,
        is_verified,
        "Ann",
        "https://img.clerk.com/a",
        email_address_id=None if email is None else "idn_1",
    )


@pytest.mark.parametrize(
    ("status", "category", "is_transient", "tries"),
    [
        (401, ErrorCategory.AUTH, False, 1),
        (402, ErrorCategory.AUTH, False, 1),
        (403, ErrorCategory.AUTH, False, 1),
        (404, ErrorCategory.NOT_FOUND, False, 1),
        (422, ErrorCategory.PROVIDER_ERROR, False, 1),
        (429, ErrorCategory.RATE_LIMIT, True, 1),
        (500, ErrorCategory.PROVIDER_ERROR, True, 2),
        (503, ErrorCategory.PROVIDER_ERROR, True, 2),
    ],
)
def test_each_refusal_of_clerk_has_a_category(
    stand_ins: StandInsClient,
    clerk: ClerkClient,
    calls: CallCollector,
    status: int,
    category: ErrorCategory,
    is_transient: bool,
    tries: int,
) -> None:
    stand_ins.fault("clerk", "status", status=status, headers={"Retry-After": "3"})

    with pytest.raises(ProviderError) as failure:
        clerk.get_user("user_1")

    error = failure.value
    assert (error.category, error.is_transient, error.status) == (category, is_transient, status)
    assert error.retry_after_s == 3
    assert error.request_id
    assert [call.error_category for call in calls.drain()] == [category] * tries


@pytest.mark.parametrize("trouble", [{"mode": "disconnect"}, {"mode": "status", "status": 502}])
def test_a_read_is_retried_once_after_a_dropped_connection_or_a_server_error(
    stand_ins: StandInsClient, clerk: ClerkClient, calls: CallCollector, trouble: dict[str, Any]
) -> None:
    user_id = stand_ins.token()["user_id"]
    stand_ins.fault("clerk", times=1, **trouble)

    assert clerk.get_user(user_id).id == user_id
    assert len(calls.drain()) == 2


def test_a_clerk_that_does_not_answer_causes_a_timeout(
    stand_ins: StandInsClient, local_endpoints: Endpoints, calls: CallCollector
) -> None:
    stand_ins.fault("clerk", "timeout")

    with pytest.raises(ProviderError) as failure:
        ClerkClient(SECRET_KEY, calls=calls, timeout_s=0.5).get_user("user_1")

    assert failure.value.category is ErrorCategory.TIMEOUT


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"id": 5}', '{"id": "user_1", "email_addresses": [5]}'])
def test_an_unexpected_document_is_a_provider_error(
    stand_ins: StandInsClient, clerk: ClerkClient, calls: CallCollector, body: str
) -> None:
    stand_ins.fault("clerk", "status", status=200, body=body)

    with pytest.raises(ProviderError) as failure:
        clerk.get_user("user_1")

    assert failure.value.category is ErrorCategory.PROVIDER_ERROR
    assert [call.error_category for call in calls.drain()] == [ErrorCategory.PROVIDER_ERROR]


def test_a_user_id_is_escaped_in_the_path(stand_ins: StandInsClient, clerk: ClerkClient) -> None:
    with pytest.raises(ProviderError) as failure:
        clerk.get_user("../sessions?limit=1")

    assert failure.value.category is ErrorCategory.NOT_FOUND


def test_a_wrong_secret_key_is_refused_and_not_retried(local_endpoints: Endpoints, calls: CallCollector) -> None:
    with pytest.raises(ProviderError) as failure:
        ClerkClient("sk_test_wrong", calls=calls).get_user("user_1")

    assert failure.value.category is ErrorCategory.AUTH
    assert "sk_test_wrong" not in f"{failure.value!s}{failure.value!r}{calls!r}"


@pytest.fixture
def email() -> str:
    return f"wire{time.monotonic_ns()}@example.com"


def test_an_unclaimed_users_address_is_unverified_until_a_code_is_checked(
    stand_ins: StandInsClient, clerk: ClerkClient, email: str
) -> None:
    made = clerk.create_unclaimed_user(email)
    assert made.email_address_id is not None
    sent = clerk.send_code(made.email_address_id)
    code = stand_ins.outbox()[-1]["code"]

    checks = [
        clerk.check_code(made.email_address_id, verification_id=sent.verification_id, code=each)
        for each in ("000000" if code != "000000" else "111111", code, code)
    ]

    assert (made.email, made.email_verified, made.is_unclaimed) == (email, False, True)
    assert checks == [CodeCheck.WRONG, CodeCheck.VERIFIED, CodeCheck.USED]
    known = clerk.find_user_by_email(email.upper())
    assert known is not None
    assert (known.id, known.email_verified, known.is_unclaimed) == (made.id, True, False)
    assert timedelta(minutes=9) < sent.expires_at - utc_now() <= timedelta(minutes=10)


def test_a_user_is_found_only_by_the_primary_address(stand_ins: StandInsClient, clerk: ClerkClient, email: str) -> None:
    second = stand_ins.clerk_user(email)["email_addresses"][0] | {"id": "idn_second"}
    first = second | {"id": "idn_first", "email_address": f"first-{email}"}
    user = stand_ins.clerk_user(email, email_addresses=[first, second], primary_email_address_id="idn_first")
    stand_ins.fault("clerk", "status", status=200, path="/v1/users", body=[user])

    assert clerk.find_user_by_email(email) is None
    found = clerk.find_user_by_email(f"first-{email}")
    assert found is not None
    assert found.email_address_id == "idn_first"


def test_a_taken_address_is_refused_with_clerks_error_code(
    stand_ins: StandInsClient, clerk: ClerkClient, email: str
) -> None:
    stand_ins.clerk_user(email)

    with pytest.raises(ClerkRefusal) as refusal:
        clerk.create_unclaimed_user(email)

    assert refusal.value.codes == ("form_identifier_exists",)
    assert refusal.value.request_id


def test_a_password_is_set_checked_and_replaced(stand_ins: StandInsClient, clerk: ClerkClient, email: str) -> None:
    user_id = stand_ins.clerk_user(email)["id"]

    before = clerk.verify_password(user_id, "correct horse")
    clerk.set_password(user_id, "correct horse")

    assert before is False
    assert [clerk.verify_password(user_id, password) for password in ("correct horse", "wrong horse")] == [True, False]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "form_password_length_too_short"),
        ("password1", "form_password_pwned"),
        ("ü" * 40, "form_password_length_too_long"),
    ],
)
def test_a_rejected_password_is_refused_with_clerks_error_code(
    stand_ins: StandInsClient, clerk: ClerkClient, email: str, password: str, code: str
) -> None:
    with pytest.raises(ClerkRefusal) as refusal:
        clerk.set_password(stand_ins.clerk_user(email)["id"], password)

    assert refusal.value.codes == (code,)


def test_a_second_code_is_refused_for_half_a_minute(stand_ins: StandInsClient, clerk: ClerkClient, email: str) -> None:
    address = stand_ins.clerk_user(email)["email_addresses"][0]["id"]
    clerk.send_code(address)

    with pytest.raises(ClerkRefusal) as refusal:
        clerk.send_code(address)

    assert refusal.value.codes == ("verification_code_too_many_requests",)
    assert 0 < (refusal.value.retry_after_s or 0) <= 30


@pytest.mark.parametrize(
    ("status", "body", "check"),
    [
        (200, {"status": "expired"}, CodeCheck.EXPIRED),
        (200, {"status": "failed"}, CodeCheck.FAILED),
        (400, {"errors": [{"code": "verification_expired"}]}, CodeCheck.EXPIRED),
        (400, {"errors": [{"code": "verification_failed"}]}, CodeCheck.FAILED),
        (404, {"errors": [{"code": "resource_not_found"}]}, CodeCheck.EXPIRED),
    ],
)
def test_each_answer_to_a_code_has_a_verdict(
    stand_ins: StandInsClient, clerk: ClerkClient, status: int, body: dict[str, Any], check: CodeCheck
) -> None:
    stand_ins.fault("clerk", "status", status=status, body=body)

    assert clerk.check_code("idn_1", verification_id="ver_1", code="123456") is check


def test_revoking_a_missing_session_has_no_effect(stand_ins: StandInsClient, clerk: ClerkClient) -> None:
    clerk.revoke_session(stand_ins.token()["session_id"])
    clerk.revoke_session("sess_gone")

    assert [call["status"] for call in stand_ins.calls("clerk")] == [200, 404]


@pytest.mark.parametrize("trouble", [{"mode": "disconnect"}, {"mode": "status", "status": 500}])
def test_a_call_that_changes_data_is_never_retried(
    stand_ins: StandInsClient, clerk: ClerkClient, email: str, trouble: dict[str, Any]
) -> None:
    stand_ins.fault("clerk", times=1, **trouble)

    with pytest.raises(ProviderError):
        clerk.create_unclaimed_user(email)

    assert len(stand_ins.calls("clerk")) == 1


@pytest.mark.parametrize(("retry_after_s", "pauses", "is_answered"), [("1", [1.0], True), ("3", [], False)])
def test_a_read_waits_for_a_short_retry_after_only(
    stand_ins: StandInsClient,
    local_endpoints: Endpoints,
    calls: CallCollector,
    retry_after_s: str,
    pauses: list[float],
    is_answered: bool,
) -> None:
    paused: list[float] = []
    clerk = ClerkClient(SECRET_KEY, calls=calls, pause=paused.append)
    user_id = stand_ins.token()["user_id"]
    stand_ins.fault("clerk", "status", status=429, headers={"Retry-After": retry_after_s}, times=1)

    if is_answered:
        assert clerk.get_user(user_id).id == user_id
    else:
        with pytest.raises(ProviderError):
            clerk.get_user(user_id)

    assert paused == pauses


def test_every_call_sends_the_api_version(local_endpoints: Endpoints, calls: CallCollector) -> None:
    requests = []

    def answer(request: httpx.Request) -> httpx.Response:
        headers = request.headers
        requests.append((request.method, request.url.path, headers["Clerk-API-Version"], headers["User-Agent"]))
        return httpx.Response(200, json={"token": "ticket"})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        ticket = ClerkClient(SECRET_KEY, calls=calls, client=client).create_sign_in_ticket("user_1", expires_in_s=60)

    assert ticket == "ticket"
    assert requests == [("POST", "/clerk/v1/sign_in_tokens", "2026-05-12", "whyviral/0.1")]


@pytest.mark.parametrize(
    "errors", [None, "no", [], [5], [{}], [{"code": 5}], [{"code": "c" * 5_000}], [{"code": "c"}] * 1_000], ids=str
)
def test_the_error_codes_of_an_answer_are_limited_in_number_and_length(
    stand_ins: StandInsClient, clerk: ClerkClient, errors: Any
) -> None:
    stand_ins.fault("clerk", "status", status=422, body={"errors": errors, "clerk_trace_id": ["x"]})

    with pytest.raises(ClerkRefusal) as refusal:
        clerk.set_password("user_1", "correct horse")

    assert sum(map(len, refusal.value.codes)) <= 100
    assert refusal.value.request_id is None


def create_key(stand_ins: StandInsClient, **fields: Any) -> dict[str, Any]:
    body = {"name": "script", "subject": "user_1"} | fields
    reply = stand_ins.http.post("/clerk/v1/api_keys", json=body, headers={"Authorization": f"Bearer {SECRET_KEY}"})
    key: dict[str, Any] = reply.raise_for_status().json()
    return key


def test_an_api_key_is_parsed_and_its_secret_is_not_in_the_record_of_the_call(
    stand_ins: StandInsClient, clerk: ClerkClient, calls: CallCollector
) -> None:
    made = create_key(stand_ins, scopes=["analysis:read"], seconds_until_expiration=60)

    key = clerk.find_api_key(made["secret"])

    assert key is not None
    assert (key.id, key.subject, key.scopes) == (made["id"], "user_1", frozenset({"analysis:read"}))
    assert (key.is_revoked, key.is_expired) == (False, False)
    assert key.expires_at == key.created_at + timedelta(seconds=60)
    (call,) = calls.drain()
    assert (call.operation, call.status, call.cost_usd) == ("POST /api_keys/verify", 200, Decimal(0))
    assert made["secret"] not in str(call)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_an_api_key_that_clerk_does_not_know_is_none(
    stand_ins: StandInsClient, clerk: ClerkClient, status: int
) -> None:
    stand_ins.fault("clerk", "status", status=status)

    assert clerk.find_api_key("ak_unknown") is None


@pytest.mark.parametrize("status", [401, 402, 403, 429, 500])
def test_a_refusal_of_our_account_is_not_an_unknown_api_key(
    stand_ins: StandInsClient, clerk: ClerkClient, status: int
) -> None:
    stand_ins.fault("clerk", "status", status=status)

    with pytest.raises(ProviderError):
        clerk.find_api_key("ak_unknown")
