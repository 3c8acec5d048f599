"""The admin panel in a browser, on the running system: signing in, looking, and an action."""

import uuid

from playwright.sync_api import Browser, expect
from sqlalchemy import select

from local.stack.administrators import make_administrator
from tests.behaviour.console.conftest import token_of
from tests.behaviour.system import System
from tests.factories import create_user
from tests.fixtures.browser import visiting
from whyviral.accounts.models import User
from whyviral.admin.models import AdminAction
from whyviral.core.database import build_engine, session_scope


def test_an_administrator_signs_in_by_the_printed_link_looks_and_acts(chromium: Browser, system: System) -> None:
    ready = system.stack.ready
    engine = build_engine(ready.database_url)
    with session_scope(engine) as session:
        target = create_user(session, full_name="<img src=x onerror=alert(1)>\u202e")
        email = f"operator-{uuid.uuid4()}@example.com"  # the search for the user must not find the operator
    line, link = make_administrator({}, ready.as_dict(), email)
    assert line == f"{email} is an administrator; this link signs in:"

    with visiting(chromium) as visit:
        page = visit.page
        page.goto(f"{ready.api}/admin/sign-in")
        page.goto(link)  # a change of the fragment alone, because the page is open
        page.wait_for_url("**/admin/home")
        expect(page.get_by_role("heading", name="Requests by outcome")).to_be_visible()
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("link", name="Users").click()
        page.get_by_label("Search").fill(str(target.id))
        page.get_by_role("button", name="Apply").click()
        page.get_by_role("cell").first.get_by_role("link").click()
        page.locator('select[name="plan"]').select_option("pro")
        page.get_by_label("Why").fill("A partner.")
        page.get_by_role("button", name="Change the plan").click()
        expect(page.get_by_role("status")).to_have_text("The user is on the chosen plan now.")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/admin/sign-in")
        assert page.goto(f"{ready.api}/admin/home").status == 404  # type: ignore[union-attr] # there is an answer
        errors = [error for error in visit.errors if "404" not in error]
        assert (errors, visit.dialogs, visit.hosts()) == ([], [], {ready.api.removeprefix("http://")})

    with session_scope(engine) as session:
        action = session.scalars(select(AdminAction).where(AdminAction.target_id == target.id)).one()
        admin = session.get_one(User, action.admin_id)
    engine.dispose()
    assert (admin.email, action.reason, action.details) == (email, "A partner.", {"from": None, "to": "pro"})


def test_a_user_of_the_console_cannot_open_the_panel(chromium: Browser, system: System) -> None:
    with visiting(chromium) as visit:
        visit.page.goto(f"{system.stack.ready.api}/admin/sign-in#token={token_of(system)}")

        expect(visit.page.get_by_role("alert")).to_contain_text("This account may not use the admin panel.")
        assert "token" not in visit.page.url
