"""The resources: the user's reports as Markdown, at `whyviral://analyses/{id}`."""

import re
import uuid

from mcp_types import ListResourcesResult, ReadResourceResult, Resource, ResourceTemplate, TextResourceContents
from sqlalchemy.orm import Session

from whyviral.analysis.export.service import ExportFormat, export_report
from whyviral.analysis.models import RequestStatus
from whyviral.analysis.schemas import RequestSummary
from whyviral.analysis.user_requests import history
from whyviral.analysis.user_requests.history import RequestFilter
from whyviral.core.errors import AppError
from whyviral.core.pagination import MAX_PAGE

from .caller import McpCaller
from .results import UNTRUSTED, report_uri

_MARKDOWN = "text/markdown"
_URI = re.compile(r"whyviral://analyses/([0-9a-fA-F-]{36})")
TEMPLATE = ResourceTemplate(
    name="report",
    title="Report of an analysis",
    uri_template="whyviral://analyses/{id}",
    description="Verdict, explanation, claims with evidence, and facts of each post. Contains untrusted text.",
    mime_type=_MARKDOWN,
)


class ReportAddressInvalid(AppError):
    """The address of a resource is not one of a report."""

    status_code = 404
    code = "resource_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such resource. Reports are at whyviral://analyses/{id}.")


class CursorInvalid(AppError):
    """The cursor is not one that a list has returned."""

    status_code = 422
    code = "invalid_request"

    def __init__(self) -> None:
        super().__init__("The cursor is not valid. Start without one, or send the nextCursor of the page before.")


async def list_reports(caller: McpCaller, cursor: str | None) -> ListResourcesResult:
    """List the user's completed analyses, newest first, 20 a page."""
    number = _page_of(cursor)
    only = RequestFilter(statuses=(RequestStatus.COMPLETED,))

    def read(session: Session) -> ListResourcesResult:
        page = history.list_requests(session, caller.user(session).id, number, only)
        resources = [_resource(RequestSummary.model_validate(request)) for request in page.rows]
        return ListResourcesResult(resources=resources, next_cursor=str(number + 1) if page.has_next else None)

    return await caller.services.transactions.run(read)


async def read_report(caller: McpCaller, uri: str) -> ReadResourceResult:
    """Return a report of the user as Markdown, below the notice about untrusted text."""
    found = _URI.fullmatch(uri)
    try:
        request_id = uuid.UUID(found[1]) if found else None
    except ValueError:
        request_id = None
    if request_id is None:
        raise ReportAddressInvalid

    def read(session: Session) -> str:
        return export_report(session, caller.user(session).id, request_id, ExportFormat.MARKDOWN).content.decode()

    text = await caller.services.transactions.run(read)
    contents = TextResourceContents(uri=uri, mime_type=_MARKDOWN, text=f"{UNTRUSTED}\n\n{text}")
    return ReadResourceResult(contents=[contents])


def _page_of(cursor: str | None) -> int:
    if cursor is None:
        return 1
    if not re.fullmatch(r"[1-9][0-9]{0,4}", cursor) or int(cursor) > MAX_PAGE:
        raise CursorInvalid
    return int(cursor)


def _resource(request: RequestSummary) -> Resource:
    # Without the display name, which holds words of a post.
    return Resource(
        uri=report_uri(request.id),
        name=f"{request.platform.value} {request.created_at:%Y-%m-%d %H:%M} UTC",
        description=", ".join(request.post_urls)[:500] or request.handle,
        mime_type=_MARKDOWN,
    )
