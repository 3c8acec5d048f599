"""Reports that leave the console: a share link, which readers without an account open, and files."""

import csv
import io
import json

import httpx
from playwright.sync_api import expect

from tests.behaviour.console.conftest import SHARE, Open, Read, analysed, create_link
from tests.behaviour.system import System


def test_a_link_is_shown_once_and_is_replaced_and_revoked(system: System, open_console: Open, read_link: Read) -> None:
    page = open_console(path=analysed(system)).page
    first = create_link(page)
    page.reload()
    page.get_by_role("button", name=SHARE).click()
    expect(page.get_by_role("dialog")).to_contain_text("A link to this report exists.")
    assert page.get_by_label("Link to the report").count() == 0

    page.get_by_role("button", name="Replace the link").click()
    second = page.get_by_label("Link to the report").input_value()
    page.get_by_role("button", name="Revoke the link").click()
    expect(page.get_by_role("dialog")).to_contain_text("The link was revoked.")

    assert first != second
    for link in (first, second):
        visit = read_link(link)
        expect(visit.page.get_by_role("heading", name="This link shows no report")).to_be_visible()


def test_an_incomplete_link_is_said_in_words_and_asks_no_api(system: System, read_link: Read) -> None:
    visit = read_link(f"{system.stack.ready.api}/console/shared")

    expect(visit.page.get_by_role("heading", name="This link shows no report")).to_be_visible()
    assert not [one.url for one in visit.requests if "/api/" in one.url]


def test_a_report_is_saved_as_the_file_that_the_api_makes(system: System, open_console: Open) -> None:
    path = analysed(system)
    page = open_console(path=path).page
    request_id = path.rsplit("/", 1)[1]
    expected = system.api.get(f"/api/analysis/requests/{request_id}/export/?format=json")

    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as found:
        page.get_by_role("button", name="JSON").click()

    assert found.value.suggested_filename == _name_of(expected)
    assert json.loads(found.value.path().read_bytes()) == expected.json()


def _name_of(reply: httpx.Response) -> str:
    return reply.headers["content-disposition"].split('"')[1]


def test_a_file_of_a_hostile_post_holds_neither_markup_nor_formulas(system: System, open_console: Open) -> None:
    url = system.publish(
        "1800000000000099001", '=HYPERLINK("http://evil.example") <script>alert(1)</script> [x](javascript:1)'
    )
    page = open_console(path=f"/requests/{system.analyse(url)['id']}").page
    files = {}
    for name in ("Markdown", "CSV"):
        page.get_by_text("Export", exact=True).click()
        with page.expect_download() as found:
            page.get_by_role("button", name=name).click()
        files[name] = found.value.path().read_text(encoding="utf-8-sig")

    assert "HYPERLINK" in files["Markdown"]
    assert "<script>" not in files["Markdown"]
    assert "[x](javascript:" not in files["Markdown"]
    cells = [cell for row in csv.reader(io.StringIO(files["CSV"])) for cell in row]
    assert {cell[:2] for cell in cells if cell.lstrip("'").startswith("=")} == {"'="}
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
