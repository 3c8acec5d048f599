"""The route that exports a report as a file."""

import uuid
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import SessionDep
from functions.api.description.openapi import TEXT_FILE
from functions.api.error_responses import error_responses
from whyviral.analysis.export.service import ExportFormat, export_report
from whyviral.analysis.schemas import RequestDetail
from whyviral.analysis.service import RequestNotFound

router = APIRouter(
    prefix="/api/analysis", tags=["analysis"], route_class=AuthenticatedRoute, responses=error_responses(*SIGNED_IN)
)
_FILES: dict[str, Any] = {"text/markdown": TEXT_FILE, "text/csv": TEXT_FILE}


@router.get(
    "/requests/{request_id}/export/",
    responses={
        **error_responses(*SIGNED_IN, RequestNotFound),
        HTTPStatus.OK: {"model": RequestDetail, "description": "The file, as a download.", "content": _FILES},
    },
)
def export_request(
    request_id: uuid.UUID,
    user: CurrentUser,
    session: SessionDep,
    file_format: Annotated[
        ExportFormat, Query(alias="format", description="`md` to read, `json` for programs, `csv` for spreadsheets.")
    ] = ExportFormat.MARKDOWN,
) -> Response:
    """Return a report as a file: Markdown with claims and evidence, JSON as in the API, or CSV with a row per post.

    Texts of posts and models cannot run as links, markup or formulas in Markdown and CSV.
    """
    exported = export_report(session, user.id, request_id, file_format)
    return Response(
        exported.content,
        media_type=exported.media_type,
        headers={"Content-Disposition": f'attachment; filename="{exported.filename}"'},
    )
