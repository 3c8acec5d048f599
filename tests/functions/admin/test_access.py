"""Who may open the panel: administrators with a cookie, and for all others it does not exist."""

import re
import time
import uuid
from collections.abc import Callable

import pytest
from itsdangerous import URLSafeTimedSerializer
from pydantic import SecretStr, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.routing import Mount, Route

from functions.admin.cookies import COOKIE, MAX_AGE_S, AdminSession, CookieSigner
from functions.admin.guard import AdminGuard
from functions.admin.settings import AdminSettings
from functions.admin.views.registry import VIEWS
from tests.factories import create_user
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.admin.conftest import HOST, ORIGIN, SECRET, Panel, sign_in
from whyviral.accounts.models import RevocationReason, RevokedSession, User
from whyviral.accounts.sign_in import ADDRESS_RATE
from whyviral.analytics.models import AppLog, AuthenticationLog

METHODS = ("GET", "POST")
OPEN = "/admin/sign-in"


def addresses(app: AdminGuard) -> set[str]:
    """Return an address of every route of the application, the mounted ones of sqladmin included."""
    found: set[str] = set()
    for route in app.app.routes:
        if isinstance(route, Mount):
            inner = [each.path for each in route.routes if isinstance(each, Route)]
            found |= {f"{route.path}{path}".replace("{identity}", view.identity) for path in inner for view in VIEWS}
        elif isinstance(route, Route):
            found.add(route.path)
    values = {"{pk:path}": str(uuid.uuid4()), "{target_id}": str(uuid.uuid4()), "{export_type}": "csv"}
    for name, value in values.items():
        found = {path.replace(name, value) for path in found}
    return found


def assert_nothing_is_there(panel: Panel, app: AdminGuard, headers: dict[str, str]) -> None:
    tried = [*sorted(addresses(app) - {OPEN}), "/admin/", "/admin/statics/js/main.js", "/admin/login", "/admin/unknown"]
    assert len(tried) > 45
    for path in tried:
        for method in METHODS:
            reply = panel.client.request(method, path, headers=headers | {"Origin": ORIGIN})

            assert (reply.status_code, reply.json()["code"]) == (404, "not_found"), (method, path)


def test_for_a_caller_without_a_cookie_nothing_but_the_sign_in_page_exists(visitor: Panel, app: AdminGuard) -> None:
    assert_nothing_is_there(visitor, app, {})
    assert visitor.get("/sign-in").status_code == 200


def test_a_session_token_is_no_cookie(
    visitor: Panel, app: AdminGuard, rows: Session, token_of: Callable[[User], str]
) -> None:
    admin = create_user(rows, is_admin=True)
    rows.commit()

    assert_nothing_is_there(visitor, app, {"Authorization": f"Bearer {token_of(admin)}"})


def test_an_api_key_opens_nothing_and_signs_nobody_in(visitor: Panel, app: AdminGuard) -> None:
    assert_nothing_is_there(visitor, app, {"Authorization": "Bearer ak_0123456789abcdef"})
    assert sign_in(visitor, "ak_0123456789abcdef").status_code == 401


def test_for_a_user_who_is_no_administrator_nothing_exists(
    visitor: Panel, app: AdminGuard, rows: Session, token_of: Callable[[User], str], settings: AdminSettings
) -> None:
    user = create_user(rows)
    rows.commit()

    refused = sign_in(visitor, token_of(user))

    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    forged = CookieSigner(settings.cookie_secrets).sign(AdminSession.start(user.id, "sess_1"))
    visitor.client.cookies.set(COOKIE, forged, domain=HOST)
    assert_nothing_is_there(visitor, app, {})


def test_an_administrator_sees_the_first_page_and_every_answer_forbids_scripts(panel: Panel) -> None:
    reply = panel.get("/home")

    assert (reply.status_code, "Overview" in reply.text) == (200, True)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert (reply.headers["cache-control"], reply.headers["referrer-policy"]) == ("no-store", "same-origin")
    assert "<script" not in reply.text
    assert "style=" not in reply.text


def test_a_cookie_is_for_this_panel_alone_and_lives_an_hour(
    visitor: Panel, rows: Session, token_of: Callable[[User], str]
) -> None:
    admin = create_user(rows, is_admin=True)
    rows.commit()

    reply = sign_in(visitor, token_of(admin))

    assert (reply.status_code, reply.headers["location"]) == (303, "/live/admin/home")
    attributes = {part.strip().lower() for part in reply.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "secure", "samesite=strict", "path=/live/admin", f"max-age={MAX_AGE_S}"}


def test_a_cookie_ends_with_the_right_of_its_user(panel: Panel, rows: Session) -> None:
    assert panel.user is not None
    panel.user.is_admin = False
    rows.commit()

    assert panel.get("/home").status_code == 404


def test_a_cookie_ends_with_the_account_of_its_user(panel: Panel, rows: Session) -> None:
    assert panel.user is not None
    panel.user.deleted_at = panel.user.created_at
    rows.commit()

    assert panel.get("/home").status_code == 404


def test_a_cookie_ends_with_the_session_at_clerk(panel: Panel, rows: Session, settings: AdminSettings) -> None:
    session = CookieSigner(settings.cookie_secrets).read(panel.client.cookies[COOKIE])
    assert session is not None
    rows.add(RevokedSession(session_id=session.session_id, reason=RevocationReason.REVOKED))
    rows.commit()

    assert panel.get("/home").status_code == 404


def test_an_impersonated_session_opens_nothing(visitor: Panel, rows: Session, stand_ins: StandInsClient) -> None:
    admin = create_user(rows, is_admin=True)
    rows.commit()
    claims = {"sub": admin.clerk_user_id, "act": {"sub": "user_other"}}

    assert sign_in(visitor, stand_ins.token(str(admin.email), overrides=claims)["token"]).status_code == 403


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "x" * 9_000, "\u202e\u0000é"])
def test_an_invalid_token_is_refused_in_words(visitor: Panel, rows: Session, token: str) -> None:
    reply = sign_in(visitor, token)

    assert (reply.status_code, "set-cookie" in reply.headers) == (401, False)
    assert "The session token is not valid" in reply.text


def test_attempts_to_sign_in_are_limited_and_recorded(visitor: Panel, rows: Session) -> None:
    codes = [sign_in(visitor, "nonsense").status_code for _ in range(ADDRESS_RATE.limit + 1)]

    assert codes == [401] * ADDRESS_RATE.limit + [429]
    newest = select(AuthenticationLog).order_by(AuthenticationLog.created_at.desc()).limit(2)
    assert [(each.event, each.outcome, each.reason) for each in rows.scalars(newest)] == [
        ("sign_in", "refused", "rate_limited"),
        ("sign_in", "refused", "invalid_token"),
    ]


def test_a_sign_in_and_a_sign_out_are_recorded(panel: Panel, rows: Session) -> None:
    assert panel.user is not None

    left = panel.post("/sign-out")

    assert (left.status_code, left.headers["location"]) == (303, "/live/admin/sign-in")
    assert "Max-Age=0" in left.headers["set-cookie"]
    own = select(AuthenticationLog).where(AuthenticationLog.user_id == panel.user.id)
    found = rows.scalars(own.order_by(AuthenticationLog.created_at)).all()
    assert [(each.event, each.outcome, each.reason) for each in found] == [
        ("sign_in", "succeeded", "admin_panel"),
        ("sign_out", "succeeded", "admin_panel"),
    ]


def test_what_an_administrator_opens_is_recorded_without_values(panel: Panel, rows: Session) -> None:
    assert panel.user is not None

    panel.get("/user/list", params={"search": "jack@example.com"})

    events = select(AppLog).where(AppLog.user_id == panel.user.id, AppLog.event == "admin_read")
    newest = rows.scalars(events.order_by(AppLog.created_at.desc()).limit(1)).one()
    assert newest.details == {"path": "/admin/user/list", "query": ["search"]}


def test_after_a_rotation_the_old_secret_still_reads_and_the_new_one_signs() -> None:
    new = "another invented secret of enough characters"
    session = AdminSession.start(uuid.uuid4(), "sess_1")
    during, after = CookieSigner([new, SECRET]), CookieSigner([new])

    assert during.read(CookieSigner([SECRET]).sign(session)) == session
    assert after.read(during.sign(session)) == session
    assert after.read(CookieSigner([SECRET]).sign(session)) is None


def test_a_cookie_older_than_an_hour_is_no_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = CookieSigner([SECRET])
    value = signer.sign(AdminSession.start(uuid.uuid4(), "sess_1"))
    assert signer.read(value) is not None
    later_s = time.time() + MAX_AGE_S + 1
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later_s)  # itsdangerous takes no clock

    assert signer.read(value) is None


@pytest.mark.parametrize("payload", ["x", ["x", "s", "c"], [str(uuid.uuid4())], {"a": 1}, [1, 2, 3], None])
def test_a_signed_value_of_another_form_is_no_cookie(payload: object) -> None:
    signer = CookieSigner([SECRET])
    serializer: URLSafeTimedSerializer = signer._serializer

    assert signer.read(str(serializer.dumps(payload))) is None


@pytest.mark.parametrize("secret", ["short", "a" * 32 + ",short", ",".join(["a" * 32, "b" * 32, "c" * 32])])
def test_a_weak_secret_or_three_are_refused_without_showing_them(settings: AdminSettings, secret: str) -> None:
    with pytest.raises(ValidationError, match="at least 32 characters") as refused:
        AdminSettings.model_validate(settings.model_dump() | {"admin_cookie_secret": SecretStr(secret)})
    assert secret not in str(refused.value)


def test_another_host_name_is_refused(panel: Panel) -> None:
    reply = panel.client.get("/admin/home", headers={"Host": "evil.example"})

    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_host")


def test_the_sign_in_page_runs_one_script_and_contacts_no_other_host(visitor: Panel) -> None:
    reply = visitor.get("/sign-in")

    (nonce,) = set(re.findall(r'nonce="([^"]+)"', reply.text))
    policy = reply.headers["content-security-policy"]
    assert f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'" in policy
    assert visitor.get("/sign-in").text != reply.text
    assert not re.search(r'(?:src|href)="(?!data:)', reply.text)
