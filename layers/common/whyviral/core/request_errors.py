"""The errors with which any entry point for users can answer."""

from .errors import AppError

_RETRY_AFTER_S = 5.0


class UnknownHost(AppError):
    """The request names a host that this server does not serve."""

    status_code = 400
    code = "unknown_host"

    def __init__(self) -> None:
        super().__init__("This server does not serve that host name. Check the address of the request.")


class BodyTooLarge(AppError):
    """The body is larger than 1 MiB."""

    status_code = 413
    code = "body_too_large"

    def __init__(self) -> None:
        super().__init__("The body is too large; send at most 1 MiB.")


class InternalError(AppError):
    """The server failed because of a bug."""

    status_code = 500
    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. Try again. If it keeps failing, send us the request_id.")


class DatabaseUnavailable(AppError):
    """The database does not answer."""

    status_code = 503
    code = "database_unavailable"
    has_retry_after = True

    def __init__(self) -> None:
        super().__init__("The database cannot be reached. Try again in a moment.", retry_after_s=_RETRY_AFTER_S)
