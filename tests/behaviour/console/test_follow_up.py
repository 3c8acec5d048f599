"""A suggestion is followed up in Chromium, from the mark to the result of the new post."""

from playwright.sync_api import expect

from tests.behaviour import posts
from tests.behaviour.console.conftest import Open
from tests.behaviour.console.test_console import faults_of
from tests.behaviour.system import System


def test_a_suggestion_is_marked_and_shows_how_the_new_post_did(system: System, open_console: Open) -> None:
    original = system.analyse(posts.publish(system, "x-picture").url)
    new = posts.publish(system, "x")
    visit = open_console(path=f"/requests/{original['id']}")
    page = visit.page
    card = page.locator(".suggestion").first
    card.get_by_text("Done? Paste the new post").click()
    field = card.get_by_label("URL of the new post")

    field.fill("javascript:alert(1)")
    card.get_by_role("button", name="Mark as done").click()
    expect(card.get_by_role("alert")).to_be_visible()
    assert visit.dialogs == []
    assert len(visit.errors) == 1  # the browser reports the refusal, 422
    visit.errors.clear()

    field.fill(new.url)
    card.get_by_role("button", name="Mark as done").click()
    expect(card.get_by_text("Analyse the new post to see here how it did.")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 900})
    assert faults_of(page, 390) == []
    card.get_by_role("button", name="Analyse it now").click()
    page.wait_for_function("(path) => location.hash !== path", arg=f"#/requests/{original['id']}")
    expect(page.get_by_role("link", name="Open on X")).to_have_attribute("href", f"https://x.com/i/status/{new.id}")
    expect(page.get_by_role("heading", name="Takeaways")).to_be_visible()

    page.evaluate("(path) => { location.hash = path }", f"/requests/{original['id']}")
    expect(card.locator(".follow-up-result")).to_contain_text("against this post")
    card.get_by_role("button", name="Undo").click()
    expect(card.get_by_text("Done? Paste the new post")).to_be_visible()
    assert (visit.errors, visit.violations()) == ([], [])
