"""Reports as resources, read by the official client."""

from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from sqlalchemy.orm import Session

from functions.mcp.results import UNTRUSTED
from tests.factories import create_analysis, create_post, create_request
from tests.functions.api.conftest import SignedIn
from whyviral.analysis.models import PostAnalysisRequest, PostState, RequestStatus


@pytest.fixture
def request_(rows: Session, free_user: SignedIn) -> PostAnalysisRequest:
    post = create_post(rows, username="natgeo")
    request = create_request(rows, free_user.user, [post], state=PostState.ANALYSED, status=RequestStatus.COMPLETED)
    create_analysis(rows, request, post)
    create_request(rows, free_user.user, [post])  # still running
    rows.commit()
    return request


def test_ended_analyses_are_listed_as_resources(
    connect: Callable[..., Any], free_user: SignedIn, request_: PostAnalysisRequest
) -> None:
    async def work(client: Client) -> Any:
        return await client.list_resources(), await client.list_resource_templates()

    listed, templates = connect(free_user.headers, work)

    assert [resource.uri for resource in listed.resources] == [f"whyviral://analyses/{request_.id}"]
    assert listed.next_cursor is None
    assert [template.uri_template for template in templates.resource_templates] == ["whyviral://analyses/{id}"]


def test_a_report_is_read_as_labelled_markdown(
    connect: Callable[..., Any], free_user: SignedIn, request_: PostAnalysisRequest
) -> None:
    async def work(client: Client) -> Any:
        return await client.read_resource(f"whyviral://analyses/{request_.id}")

    (contents,) = connect(free_user.headers, work).contents

    assert contents.mime_type == "text/markdown"
    assert contents.text.startswith(f"{UNTRUSTED}\n\n# ")
    assert "@natgeo" in contents.text


def test_pages_follow_one_another_by_their_cursor(
    connect: Callable[..., Any], free_user: SignedIn, rows: Session
) -> None:
    for _ in range(21):
        create_request(rows, free_user.user, status=RequestStatus.COMPLETED)
    rows.commit()

    async def work(client: Client) -> Any:
        first = await client.list_resources()
        return first, await client.list_resources(cursor=first.next_cursor)

    first, second = connect(free_user.headers, work)

    assert (len(first.resources), len(second.resources), second.next_cursor) == (20, 1, None)


@pytest.mark.parametrize(
    "uri", ["whyviral://analyses/{theirs}", "whyviral://analyses/00000000-0000-4000-8000-000000000000"]
)
def test_a_report_of_another_user_is_not_found(
    connect: Callable[..., Any],
    sign_in: Callable[..., SignedIn],
    request_: PostAnalysisRequest,
    uri: str,
) -> None:
    async def work(client: Client) -> Any:
        return await client.read_resource(uri.format(theirs=request_.id))

    with pytest.raises(MCPError, match="There is no analysis request") as caught:
        connect(sign_in().headers, work)

    assert caught.value.data == {"code": "analysis_request_not_found"}


@pytest.mark.parametrize("uri", ["whyviral://analyses/newest", "whyviral://users/1", "file:///etc/passwd", "x"])
def test_an_address_of_no_report_is_refused(connect: Callable[..., Any], free_user: SignedIn, uri: str) -> None:
    async def work(client: Client) -> Any:
        return await client.read_resource(uri)

    with pytest.raises(MCPError, match="Reports are at whyviral://analyses/"):
        connect(free_user.headers, work)


@pytest.mark.parametrize("cursor", ["0", "-1", "10001", "next", "²"])
def test_an_invented_cursor_is_refused(connect: Callable[..., Any], free_user: SignedIn, cursor: str) -> None:
    async def work(client: Client) -> Any:
        return await client.list_resources(cursor=cursor)

    with pytest.raises(MCPError, match="The cursor is not valid"):
        connect(free_user.headers, work)
