"""Exports of a report: readable Markdown, the API's JSON, and CSV in which nothing runs."""

import csv
import io
import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from markdown_it import MarkdownIt
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.factories import METADATA_USED, NO_CLAIMS, create_analysis, create_media, create_post, create_request
from tests.fakes.analyst import VALID_ANSWER
from tests.fixtures.database import count_statements
from tests.functions.api.conftest import SignedIn
from tests.functions.api.routers.test_reading import create_whole_request, detail
from whyviral.analysis.models import PostAnalysisRequest, PostState

FORMATS = {"md": "text/markdown; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}
HOSTILE = "=cmd|'/c calc'!A1 [x](javascript:alert(1)) <script>alert(1)</script> \u202e | https://evil.example"
CLAIM = {"field": "viral_formula", "text": HOSTILE, "kind": "measured", "evidence": ["F1"]}
LIKES = {"id": "F1", "name": "likes", "value": 300_000, "unit": "likes", "source": "x metrics"}
EVIDENCE = {"id": "F1", "kind": "fact", "label": "likes", "excerpt": "300000 likes"}


def address(request_id: uuid.UUID, file_format: str | None = None) -> str:
    return f"{detail(request_id)}export/" + (f"?format={file_format}" if file_format else "")


@pytest.fixture
def hostile_request(rows: Session, free_user: SignedIn) -> PostAnalysisRequest:
    """A request whose posts, names and explanations are hostile wherever text can be."""
    post = create_post(rows, username=HOSTILE, content=f"{HOSTILE}\r\n# {HOSTILE}")
    lists = ("quick_takeaways", "replicable_elements", "improvements", "suggestions_for_future_posts")
    texts: dict[str, Any] = {name: [HOSTILE] * 4 for name in lists} | {
        "virality_reasoning": HOSTILE,
        "creator_context": HOSTILE,
        "viral_formula": HOSTILE,
        "content_observation": dict.fromkeys(VALID_ANSWER["content_observation"], HOSTILE),
    }
    fact = {"id": "F2", "name": "hashtags", "value": [HOSTILE, "=2"], "unit": "words", "source": HOSTILE}
    used = METADATA_USED | {
        "facts": [LIKES, fact | {"is_quotation": True}],
        "gaps": [HOSTILE],
    }
    request = create_request(rows, free_user.user, [post], state=PostState.ANALYSED, display_name=HOSTILE)
    data = texts | NO_CLAIMS | {"claims": [CLAIM], "evidence": [EVIDENCE]}
    create_analysis(rows, request, post, **texts, analysis_data=data, metadata_used=used)
    rows.commit()
    return request


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_report_is_downloaded_as_a_file_with_a_safe_name(
    client: TestClient, free_user: SignedIn, hostile_request: PostAnalysisRequest, file_format: str
) -> None:
    reply = client.get(address(hostile_request.id, file_format), headers=free_user.headers)

    assert (reply.status_code, reply.headers["content-type"]) == (200, FORMATS[file_format])
    name = f"whyviral-x-{hostile_request.created_at:%Y-%m-%d}-{str(hostile_request.id)[:8]}.{file_format}"
    assert reply.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_markdown_is_the_default_and_holds_verdict_facts_claims_and_evidence(
    client: TestClient, free_user: SignedIn, hostile_request: PostAnalysisRequest
) -> None:
    text = client.get(address(hostile_request.id), headers=free_user.headers).text

    for part in ("### Verdict", "### Claims and their evidence", "  - F1: likes: 300000 likes", "### Facts"):
        assert part in text
    assert "| F1 | likes | 300000 | likes | x metrics |" in text
    assert f"<{hostile_request.post_urls[0]}>" in text


def test_hostile_texts_are_neither_markup_nor_links_in_markdown(
    client: TestClient, free_user: SignedIn, hostile_request: PostAnalysisRequest
) -> None:
    text = client.get(address(hostile_request.id, "md"), headers=free_user.headers).text

    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)

    children = [child for token in tokens if token.type == "inline" for child in token.children or ()]
    assert {child.attrs["href"] for child in children if child.type == "link_open"} == set(hostile_request.post_urls)
    assert not {"image", "html_inline", "code_inline"} & {child.type for child in children}
    assert not {"html_block", "fence", "code_block"} & {token.type for token in tokens}
    headings = [child for before, child in itertools.pairwise(tokens) if before.type == "heading_open"]
    assert sum("calc" in heading.content for heading in headings) == 2  # the report's name and the post's author
    assert "\u202e" not in text


def test_csv_has_a_row_for_each_post_and_no_cell_that_runs(
    client: TestClient, free_user: SignedIn, hostile_request: PostAnalysisRequest
) -> None:
    reply = client.get(address(hostile_request.id, "csv"), headers=free_user.headers)

    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))
    (row,) = rows
    assert (row["url"], row["fact: likes"], row["is_viral"]) == (hostile_request.post_urls[0], "300000", "no")
    assert row["username"].startswith("'=cmd")
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "\u202e" not in reply.text


def test_json_is_the_answer_of_the_api(
    client: TestClient, free_user: SignedIn, hostile_request: PostAnalysisRequest
) -> None:
    exported = client.get(address(hostile_request.id, "json"), headers=free_user.headers)
    shown = client.get(detail(hostile_request.id), headers=free_user.headers)

    assert json.loads(exported.text) == shown.json()
    assert "\u202e" not in exported.text


@pytest.mark.parametrize("file_format", FORMATS)
def test_reports_of_other_users_and_deleted_ones_are_not_found(
    client: TestClient, free_user: SignedIn, sign_in: Callable[..., SignedIn], rows: Session, file_format: str
) -> None:
    others = create_request(rows, sign_in().user)
    deleted = create_request(rows, free_user.user, status="COMPLETED")
    rows.commit()
    client.delete(detail(deleted.id), headers=free_user.headers)

    for request in (others, deleted):
        reply = client.get(address(request.id, file_format), headers=free_user.headers)

        assert (reply.status_code, reply.json()["code"]) == (404, "analysis_request_not_found")


@pytest.mark.parametrize("file_format", ["pdf", "MD", "", "md,csv"])
def test_an_unknown_format_is_refused(
    client: TestClient, free_user: SignedIn, hostile_request: PostAnalysisRequest, file_format: str
) -> None:
    reply = client.get(
        detail(hostile_request.id) + "export/", params={"format": file_format}, headers=free_user.headers
    )

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_running_request_without_posts_is_exported_as_far_as_it_is(
    client: TestClient, free_user: SignedIn, rows: Session, file_format: str
) -> None:
    request = create_request(rows, free_user.user)
    rows.commit()

    assert client.get(address(request.id, file_format), headers=free_user.headers).status_code == 200


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_runs_as_many_statements_for_one_post_as_for_twenty(
    client: TestClient, free_user: SignedIn, rows: Session, file_format: str
) -> None:
    small, large = (create_whole_request(rows, free_user, posts=number) for number in (1, 20))
    create_media(rows, create_post(rows))
    counts = []
    for request in (small, small, large):
        with count_statements() as statements:
            client.get(address(request.id, file_format), headers=free_user.headers)
        counts.append(len(statements))

    assert counts[1] == counts[2]
