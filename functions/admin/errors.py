"""The failures of the panel, as JSON for callers who are not signed in and as pages for administrators."""

from sqladmin.templating import Jinja2Templates
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whyviral.core.errors import AppError


class NothingHere(AppError):
    """The address does not exist, or not for this caller; the answer is that of the API."""

    status_code = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("This address does not exist. See /docs for the list of addresses.")


class InvalidForm(AppError):
    """The body is not a form, or is too large."""

    status_code = 400
    code = "invalid_form"

    def __init__(self) -> None:
        super().__init__("The form cannot be read. Open the page again and send its form.")


class ForeignForm(AppError):
    """The form does not come from a page of this session."""

    status_code = 403
    code = "foreign_form"

    def __init__(self) -> None:
        super().__init__("This form was not sent by a page of your session. Open the page again and send its form.")


class MethodNotAllowed(AppError):
    """The address does not support the method of the request."""

    status_code = 405
    code = "method_not_allowed"

    def __init__(self) -> None:
        super().__init__("This address does not support that method.")


class Unavailable(AppError):
    """The database or a vendor does not answer."""

    status_code = 503
    code = "unavailable"


class InternalError(AppError):
    """The server failed because of a bug."""

    status_code = 500
    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. The log has the details under the request id.")


def json_error(request: Request, error: AppError) -> Response:
    """Render a failure in the form of all errors of the API."""
    body = {"error": error.message, "code": error.code, "request_id": str(request.state.request_id)}
    return JSONResponse(body, error.status_code)


async def error_page(request: Request, templates: Jinja2Templates, error: AppError) -> Response:
    """Render a failure as a page for an administrator."""
    context = {"status_code": error.status_code, "message": error.message, "code": error.code}
    return await templates.TemplateResponse(request, "sqladmin/error.html", context, status_code=error.status_code)
