"""The translation of boto's exceptions into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError


@contextmanager
def provider_errors(provider: str, message: str, *, ignored_code: str | None = None) -> Iterator[None]:
    """Raise boto's exceptions as `ProviderError`s whose cause is the original exception.

    Args:
        provider: the AWS service, as the error names it.
        message: what failed; the error's message adds the class of boto's exception.
        ignored_code: the AWS error code that ends the block without an exception.

    Raises:
        ProviderError: the call failed. Every failure counts as transient.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see `aws_client`

    try:
        yield
    except (BotoCoreError, ClientError) as exc:
        if ignored_code is not None and error_code(exc) == ignored_code:
            return
        raise ProviderError(
            f"{message} ({type(exc).__name__})",
            provider=provider,
            category=ErrorCategory.PROVIDER_ERROR,
            is_transient=True,
        ) from exc


def error_code(exc: BaseException | None) -> str | None:
    """Return the code of an error that AWS answered with; None if there was no answer."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see `aws_client`

    return exc.response["Error"]["Code"] if isinstance(exc, ClientError) else None
