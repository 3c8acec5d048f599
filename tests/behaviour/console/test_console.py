"""The console in Chromium, against the running system: the path of a user, what it transfers, and who can use it."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.behaviour import posts
from tests.behaviour.console.conftest import SHARE, Open, Read, analysed, assert_clean, create_link, token_of
from tests.behaviour.system import System
from tests.fixtures.browser import visiting
from tests.fixtures.waits import wait_until

AXE = Path(__file__).parents[3] / ".tools" / "console" / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = ("/", "/history", "/notes", "/usage", "/plan", "/settings")
MAX_TRANSFER_BYTES = 120_000
TOO_WIDE = """(width) => document.documentElement.scrollWidth <= width ? []
  : [...document.querySelectorAll("body *")]
  .filter((element) => !element.closest(".frames, .table-scroll") && element.getBoundingClientRect().right > width)
  .map((element) => `${element.tagName}.${element.className}`)"""
"""Returns the elements that make the page scroll sideways."""


def paste(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Addresses of posts").fill(text)
    page.get_by_role("button", name="Analyse").click()


def faults_of(page: Page, width: int) -> list[str]:
    """Return what scrolls sideways, and what axe-core finds at the impacts serious and critical."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    violations = page.evaluate("axe.run().then((result) => result.violations)")
    faults = [
        f"{one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]
    return faults + list(page.evaluate(TOO_WIDE, width))


def test_the_token_of_the_link_leaves_the_address_bar_and_signs_in(system: System, open_console: Open) -> None:
    visit = open_console()

    assert visit.page.url == f"{system.stack.ready.api}/console/#/"
    expect(visit.page.get_by_role("heading", name="Why did it go viral?")).to_be_visible()
    assert visit.page.evaluate("history.length") == 2  # the blank page, and this one without the token
    assert_clean(visit, system)


def test_a_post_is_pasted_explained_discussed_noted_and_shared(
    system: System, open_console: Open, read_link: Read
) -> None:
    visit = open_console()
    page = visit.page
    paste(page, posts.publish(system, "x-picture").url)

    expect(page.get_by_role("heading", name="Why we say so")).to_be_visible()
    expect(page.get_by_role("heading", name="Takeaways")).to_be_visible()
    page.locator(".numbered .cite").first.click()
    expect(page.locator(".numbered .evidence").first).to_contain_text("Measured")

    page.get_by_role("textbox", name="Your question").fill("Why did people share it?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".message:not(.message-user)")).to_contain_text("Stand-in answer")
    expect(page.locator(".message[aria-busy=true]")).to_have_count(0)

    page.get_by_role("textbox", name="Title").fill("The hook")
    page.get_by_role("textbox", name="Note", exact=True).fill("It opens with a question.")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".note [role=status]")).to_contain_text("Saved")

    link = create_link(page)
    reader = read_link(link)
    expect(reader.page.get_by_role("heading", name="Why we say so")).to_be_visible()
    reader.page.locator(".numbered .cite").first.click()
    expect(reader.page.locator(".numbered .evidence").first).to_contain_text("Measured")
    assert reader.page.locator(".report-side").count() == 0
    token = link.split("#")[1]
    assert [one.url for one in reader.requests if token in one.url] == [f"{system.stack.ready.api}/api/shared/{token}/"]
    assert not any("authorization" in one.headers for one in reader.requests)

    page.get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Notes").click()
    expect(page.get_by_role("heading", name="The hook")).to_be_visible()
    assert_clean(visit, system)
    assert_clean(reader, system)


def test_the_steps_of_a_running_analysis_are_shown_without_a_reload(system: System, open_console: Open) -> None:
    visit = open_console()
    paste(visit.page, posts.publish(system, "x-video").url)

    expect(visit.page.locator(".progress-now")).to_be_visible()
    expect(visit.page.locator(".formula")).to_be_visible()
    streams = [request for request in visit.requests if request.url.endswith("/events/")]
    assert len(streams) == 1
    assert streams[0].headers["authorization"] == f"Bearer {token_of(system)}"


def test_progress_is_polled_where_streams_do_not_work(system: System, open_console: Open) -> None:
    visit = open_console()
    visit.page.route(re.compile("/events/$"), lambda route: route.abort())
    paste(visit.page, posts.publish(system, "x-picture").url)

    expect(visit.page.locator(".formula")).to_be_visible()


def test_a_conversation_and_a_note_are_there_after_a_reload(system: System, open_console: Open) -> None:
    page = open_console(path=analysed(system)).page
    page.get_by_role("button", name="What was luck?").click()
    expect(page.locator(".message:not(.message-user)")).to_contain_text("Stand-in answer")
    page.reload()

    expect(page.locator(".message-user")).to_contain_text("What was luck?")
    expect(page.locator(".message:not(.message-user)")).to_contain_text("Stand-in answer")


def test_the_console_works_below_a_prefix(system: System, open_console: Open) -> None:
    visit = open_console(path=analysed(system, "x"), prefix="/live")

    expect(visit.page.locator(".formula")).to_be_visible()
    assert visit.page.url.startswith(f"{system.stack.ready.api}/live/console/#/requests/")
    assert visit.errors == []


def test_the_first_load_transfers_at_most_120_kilobytes(system: System, open_console: Open) -> None:
    visit = open_console()
    visit.page.wait_for_load_state("networkidle")

    assert visit.transferred_bytes() <= MAX_TRANSFER_BYTES


def test_no_view_has_a_serious_fault_of_accessibility_or_scrolls_sideways(system: System, open_console: Open) -> None:
    report = analysed(system, "x-video")
    visit = open_console()
    page = visit.page
    faults = {}
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 1000})
        for path in (*VIEWS, report):
            page.evaluate("(path) => { location.hash = path }", path)
            page.wait_for_selector("h1")
            page.wait_for_load_state("networkidle")
            faults[width, path] = faults_of(page, width)
        page.get_by_text("Export", exact=True).click()
        menu = page.locator(".request-actions .menu-items").bounding_box()
        assert menu is not None
        assert 0 <= menu["x"] <= width - menu["width"]
        page.get_by_role("button", name=SHARE).click()
        faults[width, "share"] = faults_of(page, width)
        page.get_by_role("button", name="Close").click()
    page.goto(system.api.post(f"/api/analysis{report}/share/").json()["url"])
    page.wait_for_selector(".report")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 1000})
        faults[width, "shared"] = faults_of(page, width)

    assert {place: found for place, found in faults.items() if found} == {}
    assert_clean(visit, system)


def test_a_report_can_be_reached_and_read_by_keyboard(system: System, open_console: Open) -> None:
    report = analysed(system)
    page = open_console().page
    page.wait_for_selector(".row")
    page.keyboard.press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.className") == "row":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".formula")).to_be_visible()

    page.locator(".formula .cite").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".formula .evidence")).to_be_visible()
    assert page.url.endswith(report)


def test_a_printed_report_lists_its_evidence_and_no_controls(system: System, open_console: Open) -> None:
    page = open_console(path=analysed(system)).page
    expect(page.locator(".formula")).to_be_visible()
    page.emulate_media(media="print")

    expect(page.locator(".printed-sources li").first).to_be_visible()
    numbers = page.locator(".cite").all_inner_texts()
    assert page.locator(".printed-sources li").count() == len(set(numbers))
    for hidden in (".bar", ".request-actions", ".report-side"):
        expect(page.locator(hidden)).to_be_hidden()


def test_a_refused_address_is_explained_beside_the_field(system: System, open_console: Open) -> None:
    page = open_console().page
    paste(page, "https://example.com/nothing")

    expect(page.get_by_role("alert")).to_contain_text("https://example.com/nothing")
    assert system.api.get("/api/analysis/requests/").json()["count"] == 0


def test_an_unreachable_api_is_said_in_words_and_the_text_is_kept(open_console: Open) -> None:
    page = open_console().page
    page.route(re.compile("/analyze/$"), lambda route: route.abort())
    paste(page, "https://x.com/jack/status/20")

    expect(page.get_by_role("alert")).to_contain_text("no connection")
    expect(page.get_by_role("textbox", name="Addresses of posts")).to_have_value("https://x.com/jack/status/20")


def test_a_failed_analysis_says_why(system: System, open_console: Open) -> None:
    page = open_console(path=f"/requests/{system.analyse('https://x.com/nobody/status/404404404')['id']}").page

    expect(page.get_by_role("heading", name="This analysis failed")).to_be_visible()


def test_a_missing_analysis_and_an_unknown_address_are_said_in_words(open_console: Open) -> None:
    visit = open_console(path="/requests/00000000-0000-4000-8000-000000000000")
    expect(visit.page.get_by_role("alert")).to_be_visible()

    visit.page.evaluate("location.hash = '/nowhere'")
    expect(visit.page.get_by_role("heading", name="There is nothing here")).to_be_visible()


def test_an_expired_session_asks_to_sign_in_again(chromium: Browser, system: System) -> None:
    with visiting(chromium) as visit:
        visit.page.goto(f"{system.stack.ready.api}/console/#token=a.b.c")

        expect(visit.page.get_by_text("open the link that make run prints")).to_be_visible()
        assert visit.page.evaluate("sessionStorage.length") == 0


def test_signing_out_forgets_the_token(system: System, open_console: Open) -> None:
    page = open_console().page
    page.locator(".account summary").click()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_text("You are signed out")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    wait_until(lambda: system.api.get("/api/accounts/me/").status_code == 401)
