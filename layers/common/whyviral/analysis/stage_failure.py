"""What broke when a stage did not come to its end: told by the state machine and AWS, and hostile until read."""

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
_DOING = {
    Stage.FETCHING_POSTS: "fetching the posts",
    Stage.COLLECTING_MEDIA: "collecting the post's media",
    Stage.TRANSCRIBING: "watching the videos",
    Stage.ANALYSING: "explaining the post",
    Stage.ANALYSIS_COMPLETE: "finishing the analysis",
}
_TIMEOUT_ERRORS = frozenset({"States.Timeout", "States.HeartbeatTimeout", "Sandbox.Timedout"})
_PROVIDER_ERRORS = frozenset({"ProviderError", "ConnectionDropped", "NotConnected"})
"""Of `whyviral.integrations.errors`: whoever lets one pass knows nothing better to do with it."""
_MAX_NAME = 100
_MAX_REPORTED = 300
# A function's error comes as JSON that may be cut off: its fields are looked for, and the first of a name counts.
# Source: awslambdaric, `make_error`: errorMessage, errorType, requestId, stackTrace.
_FIELD = r'"%s"\s*:\s*("(?:[^"\\]|\\.){0,4000}")'
_TYPE, _MESSAGE = (re.compile(_FIELD % name) for name in ("errorType", "errorMessage"))


@dataclass(frozen=True, slots=True)
class StageFailure:
    """A stage, or its part for one URL, that did not come to its end."""

    stage: Stage
    error: str
    """A name: an exception's class, or one of AWS's such as `States.Timeout`."""
    reported: str | None
    """What the function said of it, for operators."""

    @property
    def has_ended(self) -> bool:
        """Whether the function is known to run no more: Lambda has told its end, and nobody gave it up meanwhile."""
        return self.reported is not None

    @property
    def category(self) -> ErrorCategory:
        """Return the category that the user sees."""
        if self.error in _TIMEOUT_ERRORS:
            return ErrorCategory.TIMEOUT
        return ErrorCategory.PROVIDER_ERROR if self.error in _PROVIDER_ERRORS else ErrorCategory.INTERNAL

    @property
    def message(self) -> str:
        """Return the sentence for the user."""
        sentence = {ErrorCategory.TIMEOUT: _TOO_LONG, ErrorCategory.PROVIDER_ERROR: _PROVIDER_FAILED}
        return sentence.get(self.category, _FAILED).format(doing=_DOING.get(self.stage, "working on it"))

    @property
    def details(self) -> Mapping[str, str]:
        """Return what operators may read."""
        return {"error": self.error} | ({"reported": self.reported} if self.reported else {})


def read_stage_failure(stage: Stage, error: str, cause: str = "") -> StageFailure:
    """Return what broke.

    Args:
        stage: where.
        error: the name that the state machine caught, or one of our own for what no state machine saw.
        cause: what came with it; where a function failed, Lambda's JSON with `errorType` and `errorMessage`.
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
    # Half a surrogate pair and NUL have no place in the database.
    return text.encode("utf-8", "replace").decode().replace("\0", "") if isinstance(text, str) else None
