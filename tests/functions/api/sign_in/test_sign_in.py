"""Sign-up, sign-in and password reset, with the real client against the stand-in of Clerk."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fixtures.database import count_statements
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.conftest import SignedIn, replace_services
from whyviral.accounts.models import EmailVerification, User
from whyviral.accounts.sign_in import CODE_RATE, MAIL_RATE, PASSWORD_RATE
from whyviral.analytics.models import AuthenticationLog

SIGN_UP = "/api/accounts/signup/"
VERIFY = "/api/accounts/signup/verify/"
LOGIN = "/api/accounts/login/"
RESET = "/api/accounts/reset-password/"
CONFIRM = "/api/accounts/reset-password/confirm/"
ME = "/api/accounts/me/"
PASSWORD = "correct horse battery"
ANOTHER = "staple correct horse"

type Post = Callable[..., Any]


def code_for(stand_ins: StandInsClient, email: str) -> str:
    """Return the last code sent to the address."""
    return [mail["code"] for mail in stand_ins.outbox() if mail["to"] == email][-1]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def exchange(stand_ins: StandInsClient, ticket: str) -> tuple[int, str | None]:
    """Exchange a ticket as the frontend does. Return the status and a session token."""
    with httpx.Client(base_url=f"{stand_ins.base_url}/clerk/v1/client") as http:
        reply = http.post("/sign_ins", data={"strategy": "ticket", "ticket": ticket})
        if reply.status_code != 200:
            return reply.status_code, None
        session_id = reply.json()["response"]["created_session_id"]
        return 200, http.post(f"/sessions/{session_id}/tokens").json()["jwt"]


def events(rows: Session) -> Sequence[tuple[str, str, str | None]]:
    """Return event, outcome and reason of the last authentication log rows, newest first."""
    rows.rollback()
    logs = rows.scalars(select(AuthenticationLog).order_by(AuthenticationLog.created_at.desc()).limit(5))
    return [(log.event, log.outcome, log.reason) for log in logs]


def sign_up(post: Post, stand_ins: StandInsClient, email: str) -> Any:
    post(SIGN_UP, email=email)
    return post(VERIFY, email=email, code=code_for(stand_ins, email), password=PASSWORD)


def test_a_code_and_a_password_finish_a_sign_up_whose_ticket_signs_in(
    client: TestClient, post: Post, stand_ins: StandInsClient, email: str
) -> None:
    started = post(SIGN_UP, email=email)
    status, answer = post(VERIFY, email=email, code=code_for(stand_ins, email), password=PASSWORD)
    _, token = exchange(stand_ins, answer["ticket"])
    profile = client.get(ME, headers={"Authorization": f"Bearer {token}"}).json()

    assert started == (201, {"status": "verification_required"})
    assert (status, answer["expires_in_seconds"]) == (200, 120)
    assert (profile["email"], profile["email_verified"]) == (email, True)


def test_a_ticket_works_once(post: Post, stand_ins: StandInsClient, email: str) -> None:
    _, answer = sign_up(post, stand_ins, email)

    statuses = [exchange(stand_ins, answer["ticket"])[0] for _ in range(2)]

    assert statuses == [200, 400]


def test_before_the_code_is_sent_in_the_address_is_unverified_and_no_password_works(
    post: Post, stand_ins: StandInsClient, email: str
) -> None:
    post(SIGN_UP, email=email)

    user = stand_ins.clerk_user(email)
    assert user["email_addresses"][0]["verification"] is None
    assert post(LOGIN, email=email, password=PASSWORD)[1]["code"] == "invalid_credentials"


def test_a_second_sign_up_sends_another_code_and_the_last_password_counts(
    post: Post, stand_ins: StandInsClient, email: str
) -> None:
    post(SIGN_UP, email=email)
    stand_ins.reset()
    post(SIGN_UP, email=email)
    code = code_for(stand_ins, email)

    assert post(VERIFY, email=email, code=code, password=ANOTHER)[0] == 200
    assert post(LOGIN, email=email, password=ANOTHER)[0] == 200


def test_an_immediate_second_sign_up_keeps_the_first_code(post: Post, stand_ins: StandInsClient, email: str) -> None:
    answers = [post(SIGN_UP, email=email) for _ in range(2)]

    assert answers == [(201, {"status": "verification_required"})] * 2
    assert len(stand_ins.outbox()) == 1
    assert post(VERIFY, email=email, code=code_for(stand_ins, email), password=PASSWORD)[0] == 200


def test_a_sign_up_with_a_taken_address_reveals_and_changes_nothing(
    post: Post, stand_ins: StandInsClient, email: str
) -> None:
    sign_up(post, stand_ins, email)
    stand_ins.reset()

    answer = post(SIGN_UP, email=email.upper())

    assert answer == (201, {"status": "verification_required"})
    assert stand_ins.outbox() == []
    assert post(VERIFY, email=email, code="000000", password=ANOTHER)[1]["code"] == "invalid_code"
    assert post(LOGIN, email=email, password=PASSWORD)[0] == 200


def test_an_account_created_elsewhere_cannot_be_taken_over_by_its_unverified_address(
    post: Post, stand_ins: StandInsClient, email: str
) -> None:
    user = stand_ins.clerk_user(email)
    address = user["email_addresses"][0] | {"verification": {"status": "unverified"}}
    stand_ins.clerk_user(email, email_addresses=[address], last_sign_in_at=1_700_000_000_000)

    answers = [post(SIGN_UP, email=email)[0], post(RESET, email=email)[0]]

    assert answers == [201, 202]
    assert stand_ins.outbox() == []


@pytest.mark.parametrize("path", [VERIFY, CONFIRM])
def test_a_wrong_code_and_an_address_without_a_code_get_the_same_answer(
    post: Post, stand_ins: StandInsClient, email: str, path: str
) -> None:
    if path == CONFIRM:
        sign_up(post, stand_ins, email)
        stand_ins.reset()
    post(SIGN_UP if path == VERIFY else RESET, email=email)
    code = wrong(code_for(stand_ins, email))

    answers = [post(path, email=each, code=code, password=ANOTHER) for each in (email, f"un{email}")]

    assert [answer.pop("request_id") != "" for _, answer in answers] == [True, True]
    assert answers[0] == answers[1] == (400, answers[0][1])
    assert answers[0][1]["code"] == "invalid_code"


@pytest.mark.parametrize("status", ["expired", "failed", "unverified"])
def test_a_code_that_clerk_refuses_is_invalid(post: Post, stand_ins: StandInsClient, email: str, status: str) -> None:
    post(SIGN_UP, email=email)
    stand_ins.fault("clerk", "status", status=200, path="/v1/email_addresses", body={"status": status})

    assert post(VERIFY, email=email, code="123456", password=PASSWORD)[1]["code"] == "invalid_code"


def test_a_right_code_is_refused_after_too_many_wrong_ones(post: Post, stand_ins: StandInsClient, email: str) -> None:
    post(SIGN_UP, email=email)
    code = code_for(stand_ins, email)
    for _ in range(3):
        post(VERIFY, email=email, code=wrong(code), password=PASSWORD)

    assert post(VERIFY, email=email, code=code, password=PASSWORD)[1]["code"] == "invalid_code"


def test_a_password_that_clerk_refuses_can_be_replaced_with_the_same_code(
    post: Post, stand_ins: StandInsClient, email: str
) -> None:
    post(SIGN_UP, email=email)
    code = code_for(stand_ins, email)

    refused = post(VERIFY, email=email, code=code, password="password1")
    guessed = post(VERIFY, email=email, code=wrong(code), password=ANOTHER)
    taken = post(VERIFY, email=email, code=code, password=PASSWORD)
    again = post(VERIFY, email=email, code=code, password=ANOTHER)

    assert (refused[0], refused[1]["code"], refused[1]["details"]) == (422, "password_refused", {"reason": "pwned"})
    assert (guessed[0], taken[0], again[0]) == (400, 200, 400)
    assert post(LOGIN, email=email, password=PASSWORD)[0] == 200


def test_an_e_mail_address_and_its_password_give_a_ticket(
    client: TestClient, post: Post, stand_ins: StandInsClient, email: str, rows: Session
) -> None:
    user = stand_ins.clerk_user(email, PASSWORD)

    _, answer = post(LOGIN, email=f" {email.upper()} ", password=PASSWORD)
    token = exchange(stand_ins, answer["ticket"])[1]

    assert (
        client.get(ME, headers={"Authorization": f"Bearer {token}"}).json()["email"]
        == user["email_addresses"][0]["email_address"]
    )
    assert events(rows)[0] == ("sign_in", "succeeded", None)


@pytest.mark.parametrize("who", ["no account", "wrong password", "no password"])
def test_all_wrong_credentials_get_the_same_answer(
    post: Post, stand_ins: StandInsClient, email: str, who: str, rows: Session
) -> None:
    if who != "no account":
        stand_ins.clerk_user(email, ANOTHER if who == "wrong password" else None)

    status, answer = post(LOGIN, email=email, password=PASSWORD)

    assert (status, answer["code"]) == (401, "invalid_credentials")
    assert answer["error"] == (
        "The e-mail address or password is wrong, or this account signs in another way. "
        "Check them, or reset the password."
    )
    assert events(rows)[0] == ("sign_in", "refused", "invalid_credentials")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"banned": True}, "account_banned"),
        ({"locked": True}, "account_locked"),
        ({"two_factor_enabled": True}, "two_factor_required"),
        ({"email_addresses": "unverified"}, "email_not_verified"),
    ],
)
def test_an_account_that_may_not_sign_in_reveals_why_only_to_the_right_password(
    post: Post, stand_ins: StandInsClient, email: str, fields: dict[str, Any], code: str
) -> None:
    if "email_addresses" in fields:
        address = stand_ins.clerk_user(email)["email_addresses"][0] | {"verification": None}
        fields = {"email_addresses": [address]}
    stand_ins.clerk_user(email, PASSWORD, **fields)

    right, wrong = (post(LOGIN, email=email, password=password) for password in (PASSWORD, ANOTHER))

    assert (right[0], right[1]["code"]) == (403, code)
    assert (wrong[0], wrong[1]["code"]) == (401, "invalid_credentials")


def test_login_with_a_token_returns_the_current_profile_of_clerk(
    post: Post, stand_ins: StandInsClient, email: str, rows: Session
) -> None:
    token = stand_ins.token(email, overrides={"email": email})["token"]

    first = post(LOGIN, token=token)
    stand_ins.clerk_user(email, first_name="Ada", last_name="Lovelace")
    second = post(LOGIN, token=token)

    assert (first[0], first[1]["email"], first[1]["email_verified"]) == (200, email, True)
    assert second[1] == first[1] | {"full_name": "Ada Lovelace"}
    assert events(rows)[0] == ("sign_in", "succeeded", None)


def test_login_with_a_token_works_while_clerk_is_down(
    post: Post, stand_ins: StandInsClient, free_user: SignedIn
) -> None:
    token = free_user.headers["Authorization"].removeprefix("Bearer ")
    stand_ins.fault("clerk", "disconnect", path="/v1")

    status, profile = post(LOGIN, token=token)

    assert (status, profile["id"]) == (200, str(free_user.user.id))


def test_login_with_a_forged_token_is_refused(post: Post, stand_ins: StandInsClient, email: str, rows: Session) -> None:
    status, answer = post(LOGIN, token=stand_ins.token(email, key="other")["token"])

    assert (status, answer["code"]) == (401, "invalid_token")
    assert events(rows)[0] == ("sign_in", "refused", "invalid_token")


def test_a_reset_code_changes_the_password_and_ends_all_sessions(
    post: Post, stand_ins: StandInsClient, email: str
) -> None:
    stand_ins.clerk_user(email, PASSWORD)
    session_id = stand_ins.token(email)["session_id"]

    started = post(RESET, email=email)
    code = code_for(stand_ins, email)
    changed = post(CONFIRM, email=email, code=code, password=ANOTHER)
    again = post(CONFIRM, email=email, code=code, password=PASSWORD)

    assert started == (202, {"status": "code_sent_if_known"})
    assert changed == (200, {"status": "password_changed"})
    assert again[1]["code"] == "invalid_code"
    assert [post(LOGIN, email=email, password=password)[0] for password in (PASSWORD, ANOTHER)] == [401, 200]
    secret = {"Authorization": "Bearer sk_test_stand_in"}
    assert stand_ins.http.get(f"/clerk/v1/sessions/{session_id}", headers=secret).json()["status"] == "revoked"


def test_a_reset_answers_the_same_for_an_unknown_address(post: Post, stand_ins: StandInsClient, email: str) -> None:
    assert post(RESET, email=email) == (202, {"status": "code_sent_if_known"})
    assert stand_ins.outbox() == []


@pytest.mark.parametrize(
    ("path", "rate", "body"),
    [
        (SIGN_UP, MAIL_RATE, {}),
        (RESET, MAIL_RATE, {}),
        (LOGIN, PASSWORD_RATE, {"password": PASSWORD}),
        (VERIFY, CODE_RATE, {"code": "123456", "password": PASSWORD}),
        (CONFIRM, CODE_RATE, {"code": "123456", "password": PASSWORD}),
    ],
)
def test_a_rate_limit_of_one_e_mail_address_does_not_affect_others(
    client: TestClient, post: Post, email: str, path: str, rate: Any, body: dict[str, str]
) -> None:
    allowed = [post(path, email=email, **body)[0] for _ in range(rate.limit)]
    refused = client.post(path, json={"email": email, **body})
    other = post(path, email=f"un{email}", **body)[0]

    assert 429 not in allowed
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= rate.window.total_seconds()
    assert other == allowed[0]


def test_one_network_is_limited_over_all_e_mail_addresses(post: Post, email: str, rows: Session) -> None:
    statuses = [post(LOGIN, token="not-a-token")[0] for _ in range(61)]

    assert statuses == [401] * 60 + [429]
    assert events(rows)[0] == ("sign_in", "refused", "rate_limited")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SIGN_UP, {}),
        (SIGN_UP, {"email": "no address"}),
        (SIGN_UP, {"email": "a@b\x00.co"}),
        (SIGN_UP, {"email": "a@b.co", "is_admin": True}),
        (VERIFY, {"email": "a@b.co", "code": "12345", "password": PASSWORD}),
        (VERIFY, {"email": "a@b.co", "code": "١٢٣٤٥٦", "password": PASSWORD}),
        (VERIFY, {"email": "a@b.co", "code": "123456", "password": "short"}),
        (LOGIN, {"email": "a@b.co"}),
        (LOGIN, {"email": "a@b.co", "password": PASSWORD, "token": "t"}),
        (LOGIN, {"token": "t" * 9_000}),
        (LOGIN, {"email": "a@b.co", "password": "p" * 300}),
        (RESET, {"email": ["a@b.co"]}),
        (CONFIRM, {"email": "a@b.co", "code": "123456"}),
    ],
)
def test_an_invalid_sign_in_body_is_refused_without_a_call_to_clerk(
    post: Post, stand_ins: StandInsClient, path: str, body: dict[str, Any]
) -> None:
    status, answer = post(path, **body)

    assert (status, answer["code"]) == (422, "invalid_request")
    assert PASSWORD not in str(answer)
    assert stand_ins.calls("clerk") == []


@pytest.mark.parametrize(
    ("status", "answered"), [(401, 502), (402, 502), (403, 502), (404, 503), (429, 503), (500, 503)]
)
def test_a_failure_between_clerk_and_us_is_reported_as_such(
    client: TestClient, stand_ins: StandInsClient, email: str, rows: Session, status: int, answered: int
) -> None:
    stand_ins.fault("clerk", "status", status=status, path="/v1/users", headers={"Retry-After": "7"})

    reply = client.post(LOGIN, json={"email": email, "password": PASSWORD})

    assert (reply.status_code, reply.json()["code"], reply.headers["Retry-After"]) == (
        answered,
        "provider_unavailable",
        "7",
    )
    assert events(rows)[0][:2] == ("sign_in", "failed")


def test_an_address_that_clerk_refuses_is_refused(post: Post, stand_ins: StandInsClient) -> None:
    status, answer = post(SIGN_UP, email="a@nowhere")

    assert (status, answer["code"]) == (422, "email_refused")


class SlowClerk:
    """A clock that advances by a given time with each call to Clerk, and not otherwise."""

    def __init__(self, stand_ins: StandInsClient, *, call_s: float) -> None:
        self._stand_ins = stand_ins
        self._call_s = call_s
        self.slept_s: list[float] = []

    def monotonic(self) -> float:
        return len(self._stand_ins.calls("clerk")) * self._call_s + sum(self.slept_s)

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)


@pytest.mark.parametrize("call_s", [0.0, 0.4, 0.6, 1.05, 3.9])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (LOGIN, {"password": PASSWORD}),
        (RESET, {}),
        (SIGN_UP, {}),
        (VERIFY, {"code": "000000", "password": PASSWORD}),
        (CONFIRM, {"code": "000000", "password": PASSWORD}),
    ],
)
def test_the_duration_of_an_answer_reveals_no_account_even_if_clerk_is_slow(
    app: FastAPI, post: Post, stand_ins: StandInsClient, email: str, path: str, body: dict[str, str], call_s: float
) -> None:
    stand_ins.clerk_user(f"has{email}", ANOTHER)
    stand_ins.clerk_user(f"without{email}")
    post(SIGN_UP, email=f"started{email}")
    post(RESET, email=f"has{email}")
    stand_ins.control("clerk/instance", {"forget_pauses": True})
    clock = SlowClerk(stand_ins, call_s=call_s)
    replace_services(app, answer_step_s=1.0, monotonic=clock.monotonic, sleep=clock.sleep)
    took_s, statuses = [], set()
    for each in (f"has{email}", f"without{email}", f"started{email}", f"un{email}"):
        started_mono_s = clock.monotonic()
        statuses.add(post(path, email=each, **body)[0])
        took_s.append(round(clock.monotonic() - started_mono_s, 6))

    assert len(set(took_s)) == 1, took_s
    assert took_s[0] >= 1
    assert took_s[0] == round(took_s[0])
    assert len(statuses) == 1


def test_no_sign_in_route_needs_more_than_twelve_statements(post: Post, stand_ins: StandInsClient, email: str) -> None:
    needed = {}
    for path, body in (
        (SIGN_UP, {}),
        (VERIFY, {"password": PASSWORD}),
        (LOGIN, {"password": PASSWORD}),
        (RESET, {}),
        (CONFIRM, {"password": ANOTHER}),
    ):
        stand_ins.control("clerk/instance", {"forget_pauses": True})
        if path in {VERIFY, CONFIRM}:
            body |= {"code": code_for(stand_ins, email)}
        with count_statements() as statements:
            status = post(path, email=email, **body)[0]
        assert status < 300
        needed[path] = len(statements)
    token = stand_ins.token(email)["token"]
    post(LOGIN, token=token)
    with count_statements() as statements:
        post(LOGIN, token=token)

    assert max(*needed.values(), len(statements)) <= 12, needed


def test_no_sign_in_row_holds_the_address_or_a_secret(
    post: Post, stand_ins: StandInsClient, email: str, rows: Session
) -> None:
    sign_up(post, stand_ins, email)
    post(LOGIN, email=email, password=PASSWORD)
    post(RESET, email=email)

    rows.rollback()
    for model in (AuthenticationLog, EmailVerification):
        for row in rows.scalars(select(model)):
            written = str({column.key: getattr(row, column.key) for column in row.__table__.columns})
            assert email not in written
            assert PASSWORD not in written


def test_an_unfinished_sign_up_creates_no_user_row(post: Post, email: str, rows: Session) -> None:
    post(SIGN_UP, email=email)

    assert rows.scalars(select(User).where(User.email == email)).all() == []
