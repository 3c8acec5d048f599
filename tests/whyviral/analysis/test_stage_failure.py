import json

import pytest

from whyviral.analysis.models import Stage
from whyviral.analysis.stage_failure import read_stage_failure
from whyviral.core.errors import ErrorCategory

STAGE = Stage.ANALYSING


def lambda_cause(**fields: object) -> str:
    return json.dumps(fields)


def test_a_functions_error_message_is_kept_and_proves_that_the_function_has_ended() -> None:
    cause = lambda_cause(errorMessage="no such post", errorType="LookupError", requestId="r", stackTrace=["  File"])

    stage_failure = read_stage_failure(STAGE, "LookupError", cause)

    assert (stage_failure.category, stage_failure.function_has_ended) == (ErrorCategory.INTERNAL, True)
    assert stage_failure.details == {"error": "LookupError", "reported": "no such post"}


@pytest.mark.parametrize(
    "cause", ["", "null", "The task was stopped.", "{", '{"errorMessage": "it may still run"}', '"errorType"']
)
def test_a_cause_without_a_functions_error_does_not_prove_that_it_has_ended(cause: str) -> None:
    stage_failure = read_stage_failure(STAGE, "States.Timeout", cause)

    assert (stage_failure.function_has_ended, stage_failure.details) == (False, {"error": "States.Timeout"})


def test_a_truncated_cause_is_read_as_far_as_possible() -> None:
    cause = lambda_cause(errorMessage="reported so", errorType="KeyError", stackTrace=["x" * 5_000])[:4_096]

    assert read_stage_failure(STAGE, "KeyError", cause).details == {"error": "KeyError", "reported": "reported so"}


@pytest.mark.parametrize(
    ("reported", "kept"),
    [
        ("key=sk-" + "a" * 40, "key=[hidden]"),
        ("postgresql://user:password@host/db", "[hidden]"),
        ("somebody@example.com", "[hidden]"),
        ("x" * 1_000, "x" * 300),
        ('a "quoted" \\ word\n', 'a "quoted" \\ word\n'),
        ("nul\0 and half a \ud800 pair", "nul and half a ? pair"),
        (["a list"], None),
        (7, None),
    ],
)
def test_a_functions_error_message_is_redacted_and_cleaned(reported: object, kept: str | None) -> None:
    stage_failure = read_stage_failure(STAGE, "E" * 500, lambda_cause(errorType="E", errorMessage=reported))

    assert stage_failure.details == {"error": "E" * 100} | ({"reported": kept} if kept else {})


@pytest.mark.parametrize(
    ("error", "category", "sentence"),
    [
        ("States.Timeout", ErrorCategory.TIMEOUT, "It took too long while explaining the post; try again later."),
        (
            "NotConnected",
            ErrorCategory.PROVIDER_ERROR,
            "A service that we depend on failed while explaining the post; try again later.",
        ),
        ("OSError", ErrorCategory.INTERNAL, "Something went wrong on our side while explaining the post; try again."),
    ],
)
def test_the_error_name_decides_the_category_and_the_message_for_the_user(
    error: str, category: ErrorCategory, sentence: str
) -> None:
    stage_failure = read_stage_failure(STAGE, error)

    assert (stage_failure.category, stage_failure.message) == (category, sentence)
