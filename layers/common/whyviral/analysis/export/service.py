"""Exports a user's report as a file."""

import json
import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from whyviral.analysis.schemas import RequestDetail
from whyviral.analysis.service import RequestNotFound, find_request
from whyviral.analysis.sharing.report import public_report
from whyviral.analysis.sharing.repository import list_posts

from .markdown import render_markdown
from .plain_text import inert_json
from .spreadsheet import render_csv


class ExportFormat(StrEnum):
    """The format of an exported report."""

    MARKDOWN = "md"
    JSON = "json"
    CSV = "csv"


_MEDIA_TYPES = {
    ExportFormat.MARKDOWN: "text/markdown",
    ExportFormat.JSON: "application/json",
    ExportFormat.CSV: "text/csv",
}


@dataclass(frozen=True, slots=True)
class ExportedReport:
    """A report as a file."""

    filename: str
    """Built from our own values alone: ASCII letters, digits, `-` and `.`."""
    media_type: str
    content: bytes


def export_report(
    session: Session, user_id: uuid.UUID, request_id: uuid.UUID, file_format: ExportFormat
) -> ExportedReport:
    """Return a report of the user as a file. JSON has the form of `RequestDetail`.

    Raises:
        RequestNotFound: the request does not exist, is not the user's or was deleted.
    """
    request = find_request(session, user_id, request_id)
    if request is None:
        raise RequestNotFound(request_id)
    name = f"whyviral-{request.platform.value}-{request.created_at:%Y-%m-%d}-{str(request.id)[:8]}"
    return ExportedReport(
        filename=f"{name}.{file_format.value}",
        media_type=_MEDIA_TYPES[file_format],
        content=_render(session, request, file_format).encode("utf-8", "replace"),
    )


def _render(session: Session, request: RequestDetail, file_format: ExportFormat) -> str:
    if file_format is ExportFormat.JSON:
        document = request.model_dump(mode="json")
        return inert_json(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    report = public_report(request, list_posts(session, request.id))
    return render_markdown(report) if file_format is ExportFormat.MARKDOWN else render_csv(report)
