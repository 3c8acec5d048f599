"""The base of the panel's views: lists, details and CSV of one table, from the columns that a view names, read only."""

import csv
import io
import json
import uuid
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from sqladmin import ModelView
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, load_only
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from whyviral.analysis.export.plain_text import spreadsheet_text

MAX_EXPORTED_ROWS = 5_000
MAX_EXPORTED_BYTES = 4_000_000
"""Below the 6 MB that a Lambda function may return."""
_BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel does not read the file as UTF-8."""


class ReadOnlyView(ModelView):
    """A view that loads only the columns it shows, so that no other column can appear."""

    can_create = False
    can_edit = False
    can_delete = False
    export_types: ClassVar[list[str]] = ["csv"]
    export_max_rows = MAX_EXPORTED_ROWS + 1
    page_size = 25
    page_size_options: ClassVar[Sequence[int]] = [25, 50, 100]
    list_template = "list.html"
    details_template = "details.html"
    panel: ClassVar[str | None] = None
    """The template of what the details page shows beside the columns."""

    def list_query(self, _request: Request) -> Select[Any]:
        """Select the columns of the list."""
        return select(self.model).options(self._only(self._list_prop_names))

    def details_query(self, request: Request) -> Select[Any]:
        """Select the columns of the details page. An id of the wrong form is that of no row."""
        is_wanted = self.model.id == self.row_id(request)  # type: ignore[attr-defined] # every table has an id
        return select(self.model).where(is_wanted).options(self._only(self._details_prop_names))

    async def get_model_objects(self, request: Request, limit: int | None = 0) -> list[Any]:
        """Return the rows to export: those that the list shows, with its filters, search and order."""
        query: Select[Any] = select(self.model).options(self._only(self._export_prop_names))
        for column_filter in cast("Sequence[Any]", self.get_filters()):
            value = request.query_params.get(column_filter.parameter_name)
            if value:
                query = await column_filter.get_filtered_query(query, value, self.model)
        query = self.sort_query(query, request)
        if term := request.query_params.get("search"):
            query = self.search_query(query, term)
        rows: list[Any] = await self._run_query(query.limit(limit))
        return rows

    async def export_data(
        self,
        data: list[Any],
        export_type: str = "csv",  # noqa: ARG002 - of the base
        request: Request | None = None,  # noqa: ARG002 - of the base
    ) -> StreamingResponse:
        """Return the rows as CSV, in which no text runs as a formula. The file's name says if rows were left out."""
        names = self._export_prop_names
        lines = [_BYTE_ORDER_MARK + _line(names)]
        left_bytes = MAX_EXPORTED_BYTES - len(lines[0].encode())
        for row in data[:MAX_EXPORTED_ROWS]:
            line = _line([_cell(getattr(row, name)) for name in names])
            left_bytes -= len(line.encode())
            if left_bytes < 0:
                break
            lines.append(line)
        written = len(lines) - 1
        suffix = "" if written == len(data) else f"-first-{written}"
        headers = {"Content-Disposition": f'attachment; filename="{self.identity}{suffix}.csv"'}
        return StreamingResponse(iter(["".join(lines)]), headers=headers, media_type="text/csv")

    def row_id(self, request: Request) -> uuid.UUID:
        """Return the id in the address."""
        try:
            return uuid.UUID(request.path_params["pk"])
        except ValueError:
            raise HTTPException(404, "There is no row with this id.") from None

    def _only(self, names: Sequence[str]) -> Any:
        columns: list[InstrumentedAttribute[Any]] = [getattr(self.model, name) for name in names]
        return load_only(*columns, raiseload=True)


def _line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, default=str)
    elif value is not None and not isinstance(value, str | int | float):
        value = str(value)
    return spreadsheet_text(value) if isinstance(value, str) else value
