"""The timeline of a video and the plot of the creator's posts, in Chromium, against the running system."""

from playwright.sync_api import Page, Route, expect

from tests.behaviour import posts
from tests.behaviour.console.conftest import Open
from tests.behaviour.console.test_console import faults_of
from tests.behaviour.system import System


def wait_until_played_from(page: Page, share: float) -> None:
    """Wait until the video is at a share of its length."""
    end_s = float(page.get_by_role("slider").get_attribute("aria-valuemax") or 0)
    page.wait_for_function("(at) => Math.abs(document.querySelector('video').currentTime - at) <= 1", arg=end_s * share)


def test_a_video_is_explored_and_played_by_keyboard_and_by_pointer(system: System, open_console: Open) -> None:
    request = system.analyse(posts.publish(system, "x-video").url)
    visit = open_console(path=f"/requests/{request['id']}")
    page = visit.page
    slider = page.get_by_role("slider")
    expect(slider).to_be_visible()
    assert page.locator(".timeline-level").get_attribute("d")
    assert page.locator(".timeline-cuts").count() == 1

    slider.press("Home")
    for _ in range(40):
        slider.press("ArrowRight")
    expect(page.locator(".timeline-said")).not_to_be_empty()
    assert page.locator(".timeline-said").inner_text() in (slider.get_attribute("aria-valuetext") or "")
    slider.press("Enter")
    wait_until_played_from(page, 0.4)
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")

    page.set_viewport_size({"width": 390, "height": 900})
    box = slider.bounding_box()
    assert box is not None
    slider.click(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    wait_until_played_from(page, 0.75)
    assert faults_of(page, 390) == []
    assert (visit.errors, visit.violations()) == ([], [])


COUNTS = (1_200, 8_000, 9_000, 11_000, 12_000, 60_000)
SAMPLE = [
    {"url": f"https://x.com/i/status/{count}", "count": count, "posted_at": "2026-10-03T16:20:00Z"} for count in COUNTS
]
COMPARISON = {
    "outlier_ratio": 5.2,
    "outlier_ratio_low": 0.9,
    "outlier_ratio_high": 43.3,
    "baseline_metric": "views",
    "baseline_n": 6,
    "baseline_median": 10_000.0,
    "baseline_lower_quartile": 8_250.0,
    "baseline_upper_quartile": 11_750.0,
    "baseline_best": 60_000,
}
"""The facts of a comparison. The system of the tests compares no posts."""


def compare(route: Route) -> None:
    """Answer with a report whose post is compared with `SAMPLE`."""
    real = route.fetch()
    detail = real.json()
    known = {"unit": "views", "source": "x list", "is_quotation": False}
    facts = [
        {"id": f"F9{n}", "name": name, "value": value, **known} for n, (name, value) in enumerate(COMPARISON.items())
    ]
    for entry in detail["posts"]:
        entry["measured"]["facts"] += facts
        entry["measured"]["baseline_posts"] = SAMPLE
    for analysis in detail["post_analyses"]:
        analysis["metadata_used"]["facts"] += facts
    route.fulfill(response=real, json=detail)


def test_every_post_of_the_creators_sample_is_plotted_and_listed(system: System, open_console: Open) -> None:
    request = system.analyse(posts.publish(system, "x-picture").url)
    visit = open_console()
    page = visit.page
    page.route(f"**/api/analysis/requests/{request['id']}/", compare)
    page.evaluate("(path) => { location.hash = path }", f"/requests/{request['id']}")
    expect(page.locator(".plot")).to_be_visible()

    page.get_by_text("The posts it is compared with").click()

    assert page.locator(".plot-dot").count() == len(SAMPLE)
    addresses = [link.get_attribute("href") for link in page.locator(".sample a").all()]
    assert addresses == [post["url"] for post in reversed(SAMPLE)]
    assert (visit.errors, visit.violations()) == ([], [])
