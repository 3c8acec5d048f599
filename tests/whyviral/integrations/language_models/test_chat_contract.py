"""What a chat model promises, whichever provider it calls: the real clients against the stand-ins."""

import pytest

from tests.fixtures.chat import chat_prompt, collect
from tests.fixtures.model_providers import PROVIDERS, chat_model
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.chat_model import Finish
from whyviral.vendor_calls.calls import CallCollector

pytestmark = [pytest.mark.parametrize("provider", PROVIDERS), pytest.mark.usefixtures("local_endpoints", "stand_ins")]


@pytest.fixture
def calls() -> CallCollector:
    return CallCollector()


def test_the_text_comes_in_pieces_and_ends_with_its_cost(provider: str, calls: CallCollector) -> None:
    answer = collect(chat_model(provider, calls), chat_prompt("Why? stand-in:tokens=20"))

    assert answer.error is None
    assert answer.end is not None
    assert answer.text.split() == [f"word{number}" for number in range(20)]
    assert len(answer.pieces) > 1
    assert (answer.end.finish, answer.end.provider, answer.end.is_stand_in) == (Finish.STOP, provider, True)
    (call,) = calls.drain()
    assert (call.status, call.error_category) == (200, None)
    assert (call.model, call.input_tokens, call.output_tokens, call.cost_usd) == (
        answer.end.model,
        answer.end.input_tokens,
        answer.end.output_tokens,
        answer.end.cost_usd,
    )
    assert (answer.end.input_tokens or 0) > 0 < (answer.end.output_tokens or 0)


def test_separators_of_lines_in_the_text_and_split_bytes_change_nothing(provider: str, calls: CallCollector) -> None:
    question = "“Why?” stand-in:tokens=5 stand-in:u2028 stand-in:split"

    answer = collect(chat_model(provider, calls), chat_prompt(question))

    assert answer.error is None
    assert answer.text.rstrip(" \u2028") == " \u2028".join(f"word{number}" for number in range(5))


@pytest.mark.parametrize("order", ["cut", "end_early", "error", "garbage"])
def test_a_stream_that_breaks_after_text_fails_and_its_cost_is_unknown(
    provider: str, calls: CallCollector, order: str
) -> None:
    answer = collect(chat_model(provider, calls), chat_prompt(f"Why? stand-in:tokens=6 stand-in:{order}"))

    assert answer.end is None
    assert answer.error is not None
    assert (answer.error.category, answer.error.is_transient) == (ErrorCategory.PROVIDER_ERROR, True)
    assert answer.text.split() == ["word0", "word1", "word2"]
    assert [(call.error_category, call.cost_usd) for call in calls.drain()] == [(ErrorCategory.PROVIDER_ERROR, None)]
