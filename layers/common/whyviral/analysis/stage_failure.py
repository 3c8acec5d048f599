"""Reads the error of a failed stage, as the state machine and AWS report it; the input is untrusted."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from whyviral.core.errors import ErrorCategory
from whyviral.core.redaction import redacted

from .models import Stage

_FAILED = "Something went wrong on our side while {doing}; try again."
_PROVIDER_FAILED = "A service that we depend on failed while {doing}; try again later."
_TOO_LONG = "It took too long while {doing}; try again later."
_ACTIVITY = {
    Stage.FETCHING_POSTS: "fetching the posts",
    Stage.COLLECTING_MEDIA: "collecting the post's media",
    Stage.TRANSCRIBING: "watching the videos",
    Stage.ANALYSING: "explaining the post",
    Stage.ANALYSIS_COMPLETE: "finishing the analysis",
}
_TIMEOUT_ERRORS = frozenset({"States.Timeout", "States.HeartbeatTimeout", "Sandbox.Timedout"})
_PROVIDER_ERRORS = frozenset({"ProviderError", "ConnectionDropped", "NotConnected"})
"""Classes of `whyviral.integrations.errors` that a stage did not handle."""
_MAX_NAME = 100
_MAX_REPORTED = 300
# A function's error is JSON that may be truncated, so its fields are searched for; the first match of a name counts.
# Source: awslambdaric, `make_error`: errorMessage, errorType, requestId, stackTrace.
_FIELD = r'"%s"\s*:\s*("(?:[^"\\]|\\.){0,4000}")'
_TYPE, _MESSAGE = (re.compile(_FIELD % name) for name in ("errorType", "errorMessage"))


@dataclass(frozen=True, slots=True)
class StageFailure:
    """The failure of a stage, or of its part for one URL."""

    stage: Stage
    error: str
    """The class name of an exception, or an error name of AWS such as `States.Timeout`."""
    reported: str | None
    """The function's error message, for operators; None if the function reported no error."""

    @property
    def function_has_ended(self) -> bool:
        """Return whether the function has certainly ended: Lambda reported its error. After a timeout it may run on."""
        return self.reported is not None

    @property
    def category(self) -> ErrorCategory:
        """Return the category that the user sees."""
        if self.error in _TIMEOUT_ERRORS:
            return ErrorCategory.TIMEOUT
        return ErrorCategory.PROVIDER_ERROR if self.error in _PROVIDER_ERRORS else ErrorCategory.INTERNAL

    @property
    def message(self) -> str:
        """Return the message for the user."""
        sentence = {ErrorCategory.TIMEOUT: _TOO_LONG, ErrorCategory.PROVIDER_ERROR: _PROVIDER_FAILED}
        return sentence.get(self.category, _FAILED).format(doing=_ACTIVITY.get(self.stage, "working on it"))

    @property
    def details(self) -> Mapping[str, str]:
        """Return the details for operators."""
        return {"error": self.error} | ({"reported": self.reported} if self.reported else {})


def read_stage_failure(stage: Stage, error: str, cause: str = "") -> StageFailure:
    """Return the failure of a stage.

    Args:
        stage: the failed stage.
        error: the error name that the state machine caught, or a name of our own for a failure that it did not see.
        cause: the detail that came with the name; for a failed function, Lambda's JSON with `errorType` and
            `errorMessage`.
    """
    reported = (_text(_MESSAGE, cause) or "") if _text(_TYPE, cause) is not None else None
    return StageFailure(
        stage,
        redacted(error)[:_MAX_NAME],
        None if reported is None else redacted(reported)[:_MAX_REPORTED],
    )


def _text(field: re.Pattern[str], cause: str) -> str | None:
    match = field.search(cause)
    try:
        text = json.loads(match[1], strict=False) if match else None
    except ValueError:
        return None
    # Postgres stores neither lone surrogates nor NUL.
    return text.encode("utf-8", "replace").decode().replace("\0", "") if isinstance(text, str) else None
