import json

import pytest

from whyviral.analysis.models import Stage
from whyviral.analysis.stage_failure import read_stage_failure
from whyviral.core.errors import ErrorCategory

STAGE = Stage.ANALYSING


def caused(**fields: object) -> str:
    return json.dumps(fields)


def test_what_a_function_said_is_kept_and_it_is_known_to_have_ended() -> None:
    cause = caused(errorMessage="no such post", errorType="LookupError", requestId="r", stackTrace=["  File"])

    stage_failure = read_stage_failure(STAGE, "LookupError", cause)

    assert (stage_failure.category, stage_failure.has_ended) == (ErrorCategory.INTERNAL, True)
    assert stage_failure.details == {"error": "LookupError", "reported": "no such post"}


@pytest.mark.parametrize(
    "cause", ["", "null", "The task was stopped.", "{", '{"errorMessage": "it may still run"}', '"errorType"']
)
def test_without_the_word_of_the_function_itself_it_may_still_run(cause: str) -> None:
    stage_failure = read_stage_failure(STAGE, "States.Timeout", cause)

    assert (stage_failure.has_ended, stage_failure.details) == (False, {"error": "States.Timeout"})


def test_a_cause_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    cause = caused(errorMessage="said so", errorType="KeyError", stackTrace=["x" * 5_000])[:4_096]

    assert read_stage_failure(STAGE, "KeyError", cause).details == {"error": "KeyError", "reported": "said so"}


@pytest.mark.parametrize(
    ("said", "kept"),
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
def test_what_was_said_is_hostile(said: object, kept: str | None) -> None:
    stage_failure = read_stage_failure(STAGE, "E" * 500, caused(errorType="E", errorMessage=said))

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
def test_the_name_decides_what_the_user_is_told(error: str, category: ErrorCategory, sentence: str) -> None:
    stage_failure = read_stage_failure(STAGE, error)

    assert (stage_failure.category, stage_failure.message) == (category, sentence)
