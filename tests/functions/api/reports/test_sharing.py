"""Share links: public until they are revoked, without private data, and alike to every link that leads nowhere."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import create_chat, create_media, create_note, create_post, create_request
from tests.fixtures.database import count_statements
from tests.functions.api.conftest import BASE_URL, SignedIn, replace_services
from tests.functions.api.routers.test_reading import create_whole_request, detail
from whyviral.admin.user_data import delete_user
from whyviral.analysis.models import PostAnalysis, PostAnalysisRequest, RequestStatus
from whyviral.analysis.sharing import repository
from whyviral.analysis.sharing.models import ShareLink
from whyviral.throttling.models import RateWindow

PRIVATE_FIELDS = {"id", "request_id", "user_id", "post_id", "cost_usd", "model", "provider", "input_tokens", "notes"}


@pytest.fixture(autouse=True)
def reset_rate(rows: Session) -> None:
    rows.execute(delete(RateWindow))
    rows.commit()


@pytest.fixture
def report(rows: Session, free_user: SignedIn) -> PostAnalysisRequest:
    """An ended request of the user with two explained posts."""
    request = create_whole_request(rows, free_user, posts=2)
    request.status = RequestStatus.COMPLETED
    request.cost_usd = Decimal("0.123456")
    request.display_name = "@jack: 2 posts"
    rows.commit()
    return request


@pytest.fixture
def share(client: TestClient, free_user: SignedIn) -> Callable[[uuid.UUID], str]:
    """Return a function that shares a request of the user and returns the path of the shared report in the API."""

    def share(request_id: uuid.UUID) -> str:
        reply = client.post(f"{detail(request_id)}share/", headers=free_user.headers)
        assert reply.status_code == 201, reply.text
        assert reply.json().keys() == {"url"}
        page, token = str(reply.json()["url"]).split("#")
        assert page == f"{BASE_URL}/console/shared"
        return f"/api/shared/{token}/"

    return share


def refused(reply: Any) -> tuple[int, dict[str, Any], str]:
    """Return what a refusal shows, without the id of the call."""
    body = {name: value for name, value in reply.json().items() if name != "request_id"}
    return reply.status_code, body, reply.headers["x-robots-tag"]


NOT_FOUND = (
    404,
    {
        "error": "This link shows no report. Ask the person who sent it for a new one.",
        "code": "shared_report_not_found",
    },
    "noindex, nofollow",
)


def keys_of(document: Any) -> set[str]:
    """Return the names of all fields at any depth."""
    if isinstance(document, list):
        return {key for part in document for key in keys_of(part)}
    if isinstance(document, dict):
        return {*document, *(key for part in document.values() for key in keys_of(part))}
    return set()


def test_a_shared_report_is_read_without_a_token_and_is_not_indexed(
    client: TestClient, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    reply = client.get(share(report.id))

    assert (reply.status_code, reply.headers["x-robots-tag"]) == (200, "noindex, nofollow")
    assert (reply.headers["cache-control"], reply.headers["referrer-policy"]) == ("no-store", "no-referrer")
    body = reply.json()
    assert (body["platform"], body["display_name"], body["status"]) == ("x", "@jack: 2 posts", "COMPLETED")
    assert [post["url"] for post in body["posts"]] == report.post_urls
    first = body["posts"][0]
    assert first["explanation"]["virality_reasoning"] == "It is the first post of the platform."
    assert first["measured"]["facts"][0]["name"] == "likes"
    assert (first["post"]["username"], len(first["post"]["media"])) == ("jack", 1)


def test_a_shared_report_has_no_notes_chats_costs_or_user_data(
    client: TestClient,
    free_user: SignedIn,
    rows: Session,
    report: PostAnalysisRequest,
    share: Callable[[uuid.UUID], str],
) -> None:
    free_user.user.full_name = "Ada Private"
    analysis = rows.scalars(select(PostAnalysis).where(PostAnalysis.request_id == report.id)).first()
    assert analysis is not None
    create_note(rows, rows.merge(free_user.user), analysis, content="private note")
    create_chat(rows, free_user.user, analysis, content="private answer")
    rows.commit()

    reply = client.get(share(report.id))

    assert keys_of(reply.json()) & PRIVATE_FIELDS == {"id"}  # of facts and evidence
    secrets = ("private", "Private", "0.1234", "0.001234", "gemini", str(free_user.user.email))
    ids = (report.id, free_user.user.id, free_user.user.clerk_user_id, analysis.id)
    assert [secret for secret in (*secrets, *map(str, ids)) if secret in reply.text] == []


def test_only_a_hash_of_the_token_is_stored(
    rows: Session, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    token = share(report.id).split("/")[-2]

    link = rows.scalars(select(ShareLink).where(ShareLink.request_id == report.id)).one()

    assert len(token) == 43
    assert (len(link.token_sha256), token in link.token_sha256) == (64, False)


def test_a_second_link_replaces_the_first(
    client: TestClient, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    first, second = share(report.id), share(report.id)

    assert refused(client.get(first)) == NOT_FOUND
    assert client.get(second).status_code == 200


def test_parallel_calls_leave_exactly_one_working_link(
    client: TestClient, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    with ThreadPoolExecutor(5) as pool:
        links = list(pool.map(share, [report.id] * 5))

    assert sorted(client.get(link).status_code for link in links) == [200, 404, 404, 404, 404]


def test_a_revoked_link_stops_working_and_revoking_again_changes_nothing(
    client: TestClient, free_user: SignedIn, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    link = share(report.id)

    statuses = [client.delete(f"{detail(report.id)}share/", headers=free_user.headers).status_code for _ in range(2)]

    assert statuses == [204, 204]
    assert refused(client.get(link)) == NOT_FOUND


def test_the_owner_sees_whether_a_report_is_shared(
    client: TestClient, free_user: SignedIn, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    def is_shared() -> bool:
        return bool(client.get(detail(report.id), headers=free_user.headers).json()["is_shared"])

    before = is_shared()
    share(report.id)
    shared = is_shared()
    client.delete(f"{detail(report.id)}share/", headers=free_user.headers)

    assert (before, shared, is_shared()) == (False, True, False)


def test_the_link_of_a_deleted_request_stops_working_and_leaves_no_row(
    client: TestClient,
    free_user: SignedIn,
    rows: Session,
    report: PostAnalysisRequest,
    share: Callable[[uuid.UUID], str],
) -> None:
    link = share(report.id)

    client.delete(detail(report.id), headers=free_user.headers)

    assert refused(client.get(link)) == NOT_FOUND
    assert rows.scalars(select(ShareLink).where(ShareLink.request_id == report.id)).all() == []


def test_the_links_of_a_deleted_user_stop_working(
    client: TestClient,
    free_user: SignedIn,
    rows: Session,
    report: PostAnalysisRequest,
    share: Callable[[uuid.UUID], str],
) -> None:
    link = share(report.id)

    delete_user(rows, free_user.user.clerk_user_id, now=datetime.now(UTC))
    rows.commit()

    assert refused(client.get(link)) == NOT_FOUND


@pytest.mark.parametrize(
    "token",
    ["A" * 43, "a", "%00", "%ff%fe", "'", "%E2%80%AE", "0" * 64, "x" * 4_000, "A" * 42 + "%0a"],
    ids=lambda token: token[:12],
)
def test_a_guessed_or_malformed_link_is_like_a_revoked_one(client: TestClient, token: str) -> None:
    reply = client.get(f"/api/shared/{token}/")

    assert refused(reply) == NOT_FOUND


def test_every_link_without_a_report_costs_the_same_statements(
    client: TestClient,
    free_user: SignedIn,
    report: PostAnalysisRequest,
    share: Callable[[uuid.UUID], str],
) -> None:
    revoked = share(report.id)
    client.delete(f"{detail(report.id)}share/", headers=free_user.headers)
    counts = []
    for link in (revoked, f"/api/shared/{'A' * 43}/", "/api/shared/%00/"):
        with count_statements() as statements:
            client.get(link)
        counts.append(len(statements))

    assert len(set(counts)) == 1


def test_a_running_analysis_cannot_be_shared_yet(client: TestClient, free_user: SignedIn, rows: Session) -> None:
    request = create_request(rows, free_user.user)
    rows.commit()

    reply = client.post(f"{detail(request.id)}share/", headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (409, "report_not_ready")


def test_reports_of_other_users_can_be_neither_shared_nor_revoked(
    client: TestClient, sign_in: Callable[..., SignedIn], report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    link, stranger = share(report.id), sign_in()

    for method in ("POST", "DELETE"):
        reply = client.request(method, f"{detail(report.id)}share/", headers=stranger.headers)

        assert (reply.status_code, reply.json()["code"]) == (404, "analysis_request_not_found")
    assert client.get(link).status_code == 200


def test_a_post_without_an_explanation_says_why(
    client: TestClient, free_user: SignedIn, rows: Session, share: Callable[[uuid.UUID], str]
) -> None:
    post = create_post(rows)
    request = create_request(rows, free_user.user, [post], status="FAILED")
    create_media(rows, post)
    rows.commit()

    body = client.get(share(request.id)).json()

    assert (body["status"], body["posts"][0]["explanation"], body["posts"][0]["measured"]) == ("FAILED", None, None)


def test_an_address_reads_sixty_shared_reports_a_minute(
    app: FastAPI, client: TestClient, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    now = datetime.now(UTC)
    replace_services(app, clock=lambda: now)
    link = share(report.id)

    statuses = [client.get(f"/api/shared/{'A' * 43}/").status_code for _ in range(59)]
    last, refusal = client.get(link), client.get(link)
    replace_services(app, clock=lambda: now + timedelta(minutes=1, seconds=1))

    assert (set(statuses), last.status_code) == ({404}, 200)
    assert (refusal.status_code, refusal.json()["code"], refusal.headers["x-robots-tag"]) == (
        429,
        "rate_limited",
        "noindex, nofollow",
    )
    assert client.get(link).status_code == 200


def test_a_shared_report_runs_as_many_statements_for_one_post_as_for_twenty(
    client: TestClient, free_user: SignedIn, rows: Session, share: Callable[[uuid.UUID], str]
) -> None:
    links = []
    for number in (1, 20):
        request = create_whole_request(rows, free_user, posts=number)
        request.status = RequestStatus.COMPLETED
        rows.commit()
        links.append(share(request.id))
    counts = []
    for link in (links[0], links[0], links[1]):
        with count_statements() as statements:
            client.get(link)
        counts.append(len(statements))

    assert counts[1] == counts[2]


def test_the_report_is_read_in_a_read_only_transaction(
    client: TestClient, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = share(report.id)
    found = repository.find_shared
    modes = []

    # Patched, because the route offers no other place between its statements.
    def find_shared(session: Session, token_sha256: str) -> Any:
        modes.append(session.connection().exec_driver_sql("show transaction_read_only").scalar())
        return found(session, token_sha256)

    monkeypatch.setattr(repository, "find_shared", find_shared)

    assert (client.get(link).status_code, modes) == (200, ["on"])


def test_a_shared_report_is_json_that_stays_within_its_schema(
    client: TestClient, report: PostAnalysisRequest, share: Callable[[uuid.UUID], str]
) -> None:
    text = client.get(share(report.id)).text

    assert json.loads(text).keys() == {"platform", "display_name", "status", "created_at", "posts"}
