"""Forms that no page of the session sent change nothing."""

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.functions.admin.conftest import ORIGIN, Panel
from whyviral.admin.models import AdminAction
from whyviral.social.models import PlatformRow

type ListActions = Callable[[uuid.UUID], list[AdminAction]]

REASON = "The provider is down."


@pytest.fixture
def platform(rows: Session) -> PlatformRow:
    return rows.scalars(select(PlatformRow).where(PlatformRow.slug == "instagram")).one()


def unchanged(rows: Session, platform: PlatformRow) -> bool:
    rows.refresh(platform)
    return platform.is_active


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 43])
def test_a_form_without_the_sessions_token_changes_nothing(
    panel: Panel,
    rows: Session,
    platform: PlatformRow,
    token: str,
    list_actions: ListActions,
) -> None:
    reply = panel.post(f"/actions/platforms/{platform.id}/off", token=token, reason=REASON)

    assert (reply.status_code, unchanged(rows, platform)) == (403, True)
    assert list_actions(platform.id) == []


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", f"{ORIGIN}.evil.example", "http://api.example.com"]
)
def test_a_form_of_another_origin_changes_nothing(
    panel: Panel, rows: Session, platform: PlatformRow, origin: str | None
) -> None:
    reply = panel.post(f"/actions/platforms/{platform.id}/off", origin=origin, reason=REASON)

    assert (reply.status_code, unchanged(rows, platform)) == (403, True)


def test_the_token_of_another_session_changes_nothing(panel: Panel, rows: Session, platform: PlatformRow) -> None:
    reply = panel.client.post(
        f"/admin/actions/platforms/{platform.id}/off",
        data={"reason": REASON, "csrf_token": panel.csrf_token},
        headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
    )

    assert (reply.status_code, unchanged(rows, platform)) == (403, True)


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
def test_a_body_that_is_no_form_changes_nothing(
    panel: Panel, rows: Session, platform: PlatformRow, content_type: str
) -> None:
    reply = panel.client.post(
        f"/admin/actions/platforms/{platform.id}/off",
        content=f"reason=x%20y%20z&csrf_token={panel.csrf_token}",
        headers={"Origin": ORIGIN, "Content-Type": content_type},
    )

    assert (reply.status_code, unchanged(rows, platform)) == (400, True)


def test_a_sign_in_from_another_origin_is_refused(visitor: Panel) -> None:
    reply = visitor.client.post("/admin/sign-in", data={"token": "x"}, headers={"Origin": "https://evil.example"})

    assert (reply.status_code, "set-cookie" in reply.headers) == (403, False)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(panel: Panel, method: str) -> None:
    assert panel.client.request(method, "/admin/user/list").status_code == 405


@pytest.mark.parametrize("body", ["a" * 70_000, "&".join(f"f{n}=1" for n in range(30)), "reason=%ff"])
def test_an_oversized_or_unreadable_form_is_refused(panel: Panel, platform: PlatformRow, body: str) -> None:
    reply = panel.client.post(
        f"/admin/actions/platforms/{platform.id}/off",
        content=body,
        headers={"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert reply.status_code == 400
