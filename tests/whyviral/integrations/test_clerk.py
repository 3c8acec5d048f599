from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.stand_ins import StandInsClient
from whyviral.core.calls import CallCollector
from whyviral.core.endpoints import Endpoints
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.clerk import ClerkClient, ClerkUser
from whyviral.integrations.errors import ProviderError

SECRET_KEY = "sk_test_stand_in"


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


@pytest.fixture
def clerk(local_endpoints: Endpoints, calls: CallCollector) -> ClerkClient:
    return ClerkClient(SECRET_KEY, calls=calls, timeout_s=0.5)


def test_a_user_is_described_and_the_call_is_free(
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
def test_the_email_is_the_primary_one(
    stand_ins: StandInsClient, clerk: ClerkClient, addresses: list[Any], email: str | None, is_verified: bool
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
def test_each_refusal_has_its_category(
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
def test_trouble_on_their_side_gets_a_second_try(
    stand_ins: StandInsClient, clerk: ClerkClient, calls: CallCollector, trouble: dict[str, Any]
) -> None:
    user_id = stand_ins.token()["user_id"]
    stand_ins.fault("clerk", times=1, **trouble)

    assert clerk.get_user(user_id).id == user_id
    assert len(calls.drain()) == 2


def test_silence_is_a_timeout(stand_ins: StandInsClient, clerk: ClerkClient) -> None:
    stand_ins.fault("clerk", "timeout")

    with pytest.raises(ProviderError) as failure:
        clerk.get_user("user_1")

    assert failure.value.category is ErrorCategory.TIMEOUT


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"id": 5}', '{"id": "user_1", "email_addresses": [5]}'])
def test_garbage_is_a_provider_error(
    stand_ins: StandInsClient, clerk: ClerkClient, calls: CallCollector, body: str
) -> None:
    stand_ins.fault("clerk", "status", status=200, body=body)

    with pytest.raises(ProviderError) as failure:
        clerk.get_user("user_1")

    assert failure.value.category is ErrorCategory.PROVIDER_ERROR
    assert [call.error_category for call in calls.drain()] == [ErrorCategory.PROVIDER_ERROR]


def test_a_user_id_cannot_leave_its_place_in_the_path(stand_ins: StandInsClient, clerk: ClerkClient) -> None:
    with pytest.raises(ProviderError) as failure:
        clerk.get_user("../sessions?limit=1")

    assert failure.value.category is ErrorCategory.NOT_FOUND


def test_a_wrong_secret_key_is_refused_and_never_repeated(local_endpoints: Endpoints, calls: CallCollector) -> None:
    with pytest.raises(ProviderError) as failure:
        ClerkClient("sk_test_wrong", calls=calls).get_user("user_1")

    assert failure.value.category is ErrorCategory.AUTH
    assert "sk_test_wrong" not in f"{failure.value!s}{failure.value!r}{calls!r}"
