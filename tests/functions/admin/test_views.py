"""The lists, details and exports of the panel."""

import csv
import io
import re
import uuid
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Self

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from functions.admin.views.registry import VIEWS
from tests.behaviour.console.test_hostile_texts import PAYLOADS
from tests.factories import create_post, create_request, create_status, create_subscription, create_user
from tests.fixtures.database import count_statements
from tests.functions.admin.conftest import PREFIX, Panel
from whyviral.accounts.models import Plan, User
from whyviral.admin.user_data import USER_ROWS
from whyviral.analysis.models import AnalysisRequestPost, PostAnalysisRequest, PostState, RequestStatus
from whyviral.analytics.models import AppLog, AuthenticationLog
from whyviral.core.clock import utc_now
from whyviral.core.database import Base
from whyviral.feedback.models import Feedback
from whyviral.jobs.models import JobRun
from whyviral.social.models import PlatformRow, Post
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks.models import EventProvider, EventState, WebhookEvent

IDENTITIES = [view.identity for view in VIEWS]
NOW = datetime(2026, 11, 20, tzinfo=UTC)
HIDDEN = {
    Post: {"raw", "author", "details", "scrape_job"},
    PostAnalysisRequest: {"results"},
    WebhookEvent: {"payload"},
}
"""What no view shows, beside the columns that an export leaves out."""


def create_rows(rows: Session, *, text: str = "text") -> tuple[User, PostAnalysisRequest, Post]:
    """Create one row of most lists, with a text of others wherever it may be one."""
    user = create_user(rows, full_name=text, company_name=text, email=f"{uuid.uuid4()}@example.com")
    create_subscription(rows, user)
    post = create_post(rows, username=text, content=text, transcript=text, language=text)
    details = {"message": text, text: [text]}
    request = create_request(
        rows,
        user,
        [post],
        state=PostState.FAILED,
        status=RequestStatus.FAILED,
        error_details=details,
        display_name=text,
    )
    linked = select(AnalysisRequestPost).where(AnalysisRequestPost.request_id == request.id)
    for each in rows.scalars(linked):
        each.error, each.error_details = text, details
    create_status(rows, request, message=text)
    rows.add_all(
        [
            Feedback(user_id=user.id, category="idea", text=text),
            AuthenticationLog(event="sign_in", outcome="refused", user_id=user.id, user_agent=text, reason=text),
            AppLog(category="API", event=text, analysis_request_id=request.id, details=details),
            JobRun(job=text, due_at=utc_now(), leased_until=NOW, results=details, error=text),
            ExternalApiCallLog(
                provider="gemini", operation=text, started_at=NOW, is_stand_in=False, model=text,
                analysis_request_id=request.id,
            ),
            WebhookEvent(
                provider=EventProvider.CLERK, event_id=f"msg_{uuid.uuid4()}", type=text, subject_id=text,
                payload={"email": "hidden@example.com"}, state=EventState.FAILED, error=text,
            ),
        ]
    )  # fmt: skip
    rows.flush()
    return user, request, post


def clear(rows: Session) -> None:
    """Delete the rows of the lists that a test reads whole."""
    for model in (Feedback, JobRun, WebhookEvent, ExternalApiCallLog):
        rows.query(model).delete()
    rows.commit()


@pytest.mark.parametrize("identity", IDENTITIES)
def test_every_list_is_shown_and_exported(panel: Panel, identity: str) -> None:
    reply, exported = panel.get(f"/{identity}/list"), panel.get(f"/{identity}/export/csv")

    assert (reply.status_code, "<table>" in reply.text) == (200, True)
    assert (exported.status_code, exported.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert exported.headers["content-disposition"] == f'attachment; filename="{identity}.csv"'


def count_of_list(panel: Panel, identity: str, **query: str) -> int:
    with count_statements() as statements:
        panel.get(f"/{identity}/list", params=query)
    return len(statements)


def test_a_list_needs_as_many_statements_for_20_rows_as_for_none(panel: Panel, rows: Session) -> None:
    panel.get("/user/list")  # the first statement of a connection asks for nothing more
    few = {identity: count_of_list(panel, identity, search=str(uuid.uuid4())) for identity in IDENTITIES}
    for _ in range(20):
        create_rows(rows)
    rows.commit()
    many = {identity: count_of_list(panel, identity, pageSize="100") for identity in IDENTITIES}

    # The administrator, the record of the visit, the number of rows, and the rows.
    assert few == many == dict.fromkeys(IDENTITIES, 4)


def test_a_request_is_shown_with_its_timeline_errors_calls_and_events(panel: Panel, rows: Session) -> None:
    _, request, _ = create_rows(rows, text="An unusual sentence")
    rows.commit()

    page = panel.get(f"/post-analysis-request/details/{request.id}").text

    for part in ("Timeline", "Posts", "Calls to vendors", "Events", "Retry the request"):
        assert f"<h2>{part}</h2>" in page
    # Status, post, its details, call twice, event and its details twice, and the request's own details and name.
    assert page.count("An unusual sentence") >= 9


def test_a_user_is_shown_with_subscriptions_requests_and_plans(panel: Panel, rows: Session) -> None:
    user, request, _ = create_rows(rows)
    rows.commit()

    page = panel.get(f"/user/details/{user.id}").text

    assert f"/admin/post-analysis-request/details/{request.id}" in page
    slugs = rows.scalars(select(Plan.slug).where(Plan.is_active)).all()
    assert set(re.findall(r'<option value="(\w+)">', page)) == set(slugs)


@pytest.mark.parametrize(
    "row_id", ["nonsense", "00000000-0000-4000-8000-000000000000", "00000000-0000-0000-0000-00000000000g", "%00"]
)
def test_a_row_that_does_not_exist_is_not_found(panel: Panel, row_id: str) -> None:
    for view in VIEWS:
        found = panel.get(f"/{view.identity}/details/{row_id}").status_code

        assert found == (404 if view.can_view_details or row_id == "%00" else 403), view.identity


@pytest.mark.parametrize("query", ["page=x", "pageSize=x", "pageSize=0", "sortBy=payload", "sortBy=nonsense"])
def test_a_wrong_parameter_is_refused_in_words(panel: Panel, query: str) -> None:
    reply = panel.get(f"/webhook-event/list?{query}")

    assert (reply.status_code, "<h1>400</h1>" in reply.text) == (400, True)


ODD = ["page=-5", "page=99999999999999999999", "status=nonsense", "status=%27", "search=%25%27--", "search=%ff"]


@pytest.mark.parametrize("query", ODD)
def test_an_odd_parameter_breaks_nothing(panel: Panel, query: str) -> None:
    assert panel.get(f"/payment/list?{query}").status_code in (200, 302)


def test_search_filters_and_order_select_the_rows_of_list_and_export(panel: Panel, rows: Session) -> None:
    clear(rows)
    user = create_user(rows)
    for category, text in (("bug", "one kite"), ("idea", "two kites"), ("bug", "a stone")):
        rows.add(Feedback(user_id=user.id, category=category, text=text))
    rows.commit()
    query = {"search": "kite", "category": "bug"}

    shown = [panel.get(f"/feedback/{place}", params=query).text for place in ("list", "export/csv")]

    for found in shown:
        assert ("one kite" in found, "two kites" in found, "a stone" in found) == (True, False, False)


def test_pages_keep_the_search(panel: Panel, rows: Session) -> None:
    clear(rows)
    user = create_user(rows)
    rows.add_all([Feedback(user_id=user.id, category="bug", text=f"kite {number:02}") for number in range(60)])
    rows.commit()

    page = panel.get("/feedback/list", params={"search": "kite", "page": "2"}).text

    assert "?search=kite&amp;page=3" in page
    assert page.count("<code title=") == 50  # an id and a user for each of 25 rows


def test_links_contain_the_name_of_the_stage(panel: Panel) -> None:
    links = re.findall(r'(?:href|action|src)="([^"]+)"', panel.get("/user/list").text)

    assert {link for link in links if not link.startswith((f"{PREFIX}/admin/", "?", "data:"))} == set()


@pytest.mark.parametrize("payload", PAYLOADS[::7])
def test_hostile_texts_are_shown_as_text(panel: Panel, rows: Session, payload: str) -> None:
    text = payload.replace("\0", "").replace("\ud83d", "")
    user, request, post = create_rows(rows, text=text)
    rows.commit()
    addresses = (
        *("/user/list", f"/user/details/{user.id}", "/post/list", f"/post/details/{post.id}", "/feedback/list"),
        *("/post-analysis-request/list", f"/post-analysis-request/details/{request.id}", "/webhook-event/list"),
        *("/authentication-log/list", "/external-api-call-log/list", "/job-run/list"),
    )

    for address in addresses:
        page = panel.get(address).text
        if "<" in text:
            assert text not in page, address
        found = Tags.of(page)
        assert found.tags <= OWN_TAGS, address
        assert found.attributes <= OWN_ATTRIBUTES, address
        assert not set("\u202e\u202c\u2067\u200f") & set(page), address
    clear(rows)


class Tags(HTMLParser):
    """The names of all tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    @classmethod
    def of(cls, page: str) -> Self:
        parser = cls()
        parser.feed(page)
        return parser

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


OWN_ATTRIBUTES = {
    *("lang", "charset", "name", "content", "rel", "href", "class", "method", "action", "type", "value", "aria-label"),
    *("aria-current", "placeholder", "tabindex", "role", "scope", "title", "selected", "colspan", "required"),
    *("minlength", "maxlength", "rows"),
}
OWN_TAGS = {
    *("html", "head", "meta", "title", "link", "body", "header", "a", "b", "span", "form", "input", "bdi", "button"),
    *("div", "nav", "h1", "h2", "main", "p", "label", "select", "option", "table", "thead", "tbody", "tr", "th", "td"),
    *("code", "dl", "dt", "dd", "pre", "textarea"),
}


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '"=1', "x;=1", "\uff1d1"])
def test_no_text_of_a_csv_runs_as_a_formula(panel: Panel, rows: Session, formula: str) -> None:
    clear(rows)
    rows.add(Feedback(user_id=create_user(rows).id, category="bug", text=formula))
    rows.commit()

    _, row = csv.reader(io.StringIO(panel.get("/feedback/export/csv").text.removeprefix("\ufeff")))

    for cell in row:
        assert not re.match(r"[\"'\s]*[=+\-@\uff1d]", cell.replace("'", "#", 1)), row
    assert "'" in row[3]


def test_an_export_is_limited_in_bytes_not_in_characters(
    panel: Panel, rows: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear(rows)
    user = create_user(rows)
    rows.add_all([Feedback(user_id=user.id, category="bug", text="凧" * 1_000) for _ in range(4)])
    rows.commit()
    monkeypatch.setattr("functions.admin.views.read_only_view.MAX_EXPORTED_BYTES", 8_000)

    reply = panel.get("/feedback/export/csv")

    assert reply.headers["content-disposition"] == 'attachment; filename="feedback-first-2.csv"'
    assert 6_000 < len(reply.content) <= 8_000


def test_an_export_says_in_its_name_that_it_left_rows_out(
    panel: Panel, rows: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear(rows)
    user = create_user(rows)
    rows.add_all([Feedback(user_id=user.id, category="bug", text="kite") for _ in range(3)])
    rows.commit()
    monkeypatch.setattr("functions.admin.views.read_only_view.MAX_EXPORTED_ROWS", 2)

    reply = panel.get("/feedback/export/csv")

    assert reply.headers["content-disposition"] == 'attachment; filename="feedback-first-2.csv"'
    assert len(reply.text.splitlines()) == 3


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.identity)
def test_no_view_names_a_column_that_must_not_be_shown(view: Any) -> None:
    model: type[Base] = view.model
    hidden = {*HIDDEN.get(model, ()), *(name for each in USER_ROWS if each.model is model for name in each.hidden)}
    hidden -= {"execution_arn"}  # of use to operators, and no secret
    shown = {column.key for column in (*view.column_list, *view.column_details_list)}

    assert shown & hidden == set()


def test_the_body_of_a_webhook_is_shown_nowhere(panel: Panel, rows: Session) -> None:
    create_rows(rows)
    rows.commit()
    event_id = rows.scalar(select(WebhookEvent.id))

    for address in ("/webhook-event/list", f"/webhook-event/details/{event_id}", "/webhook-event/export/csv"):
        assert "hidden@example.com" not in panel.get(address).text


def test_a_platform_shows_the_switch_that_it_needs(panel: Panel, rows: Session) -> None:
    platform = rows.scalars(select(PlatformRow).where(PlatformRow.slug == "x")).one()

    page = panel.get(f"/platform-row/details/{platform.id}").text

    assert (f"{platform.id}/off" in page, f"{platform.id}/on" in page) == (True, False)
