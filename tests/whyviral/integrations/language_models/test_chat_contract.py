"""The promises of a chat model, for every provider: the real clients against the stand-ins."""

import asyncio
import logging
from contextlib import aclosing
from typing import Any

import pytest

from tests.fixtures.chat import Collected, chat_prompt, collect
from tests.fixtures.model_providers import PROVIDERS, chat_model, unknown_usd
from tests.fixtures.stand_ins import StandInsClient
from tests.whyviral.integrations.language_models.conftest import WatchfulCollector
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.ports.chat_model import ChatDelta, ChatModel, ChatPrompt, Finish

pytestmark = [pytest.mark.parametrize("provider", PROVIDERS), pytest.mark.usefixtures("local_endpoints", "stand_ins")]
HALF = ["word0", "word1", "word2"]
BROKEN = ErrorCategory.PROVIDER_ERROR
SECRETS = ("bad-key", "private-question")


def ask(
    provider: str, calls: WatchfulCollector, question: str, *, timeout_s: float | None = None, **settings: Any
) -> Collected:
    """Ask, and check what holds for every call, however it ended."""
    options = {} if timeout_s is None else {"timeout_s": timeout_s}
    answer = collect(chat_model(provider, calls, **settings), chat_prompt(f"Why? {question}"), **options)
    calls.check()
    assert all(answer.pieces)
    assert (answer.end is None) == (answer.error is not None)
    return answer


def failures(calls: WatchfulCollector) -> list[tuple[str | None, bool]]:
    """Return the category of each call, and whether it is known to have cost nothing."""
    return [(call.error_category, call.cost_usd == 0) for call in calls.calls]


def test_the_text_comes_in_pieces_and_ends_with_its_cost(provider: str, calls: WatchfulCollector) -> None:
    answer = ask(provider, calls, "stand-in:tokens=20")

    assert answer.end is not None
    assert answer.text.split() == [f"word{number}" for number in range(20)]
    assert len(answer.pieces) > 1
    assert (answer.end.finish, answer.end.provider, answer.end.is_stand_in) == (Finish.STOP, provider, True)
    (call,) = calls.calls
    assert (call.status, call.error_category, call.model) == (200, None, answer.end.model)
    assert (call.input_tokens, call.output_tokens) == (answer.end.input_tokens, answer.end.output_tokens)
    assert (call.input_tokens or 0) > 0 < (call.output_tokens or 0)
    assert call.cost_usd is not None
    assert call.cost_usd == answer.end.cost_usd
    assert call.cost_usd <= (calls.begun[0].most_usd or 0)


def test_separators_of_lines_in_the_text_and_split_bytes_change_nothing(
    provider: str, calls: WatchfulCollector
) -> None:
    answer = ask(provider, calls, "“” stand-in:tokens=5 stand-in:u2028 stand-in:split")

    assert answer.text.rstrip(" \u2028") == " \u2028".join(f"word{number}" for number in range(5))


def test_characters_of_several_bytes_survive_a_cut_in_their_middle(provider: str, calls: WatchfulCollector) -> None:
    answer = ask(provider, calls, "stand-in:split")

    assert "“Why? stand-in:split”" in answer.text
    assert "\ufffd" not in answer.text


@pytest.mark.parametrize("order", ["cut", "end_early", "error", "garbage"])
def test_a_stream_that_breaks_after_text_fails_and_its_cost_is_unknown(
    provider: str, calls: WatchfulCollector, order: str
) -> None:
    answer = ask(provider, calls, f"stand-in:tokens=6 stand-in:{order}")

    assert answer.error is not None
    assert (answer.error.category, answer.error.is_transient) == (BROKEN, True)
    assert answer.text.split() == HALF
    assert [(call.error_category, call.cost_usd, call.status) for call in calls.calls] == [
        (BROKEN, unknown_usd(provider), 200)
    ]


@pytest.mark.parametrize("order", ["cut_first", "error_first"])
def test_a_stream_that_breaks_before_text_is_asked_for_again(
    provider: str, calls: WatchfulCollector, order: str
) -> None:
    answer = ask(provider, calls, f"stand-in:{order}")

    assert answer.error is not None
    assert (answer.error.category, answer.pieces) == (BROKEN, [])
    assert len(calls.calls) > 1
    assert {call.cost_usd for call in calls.calls} == {unknown_usd(provider)}


@pytest.mark.parametrize("order", ["refuse", "refuse_midway"])
def test_a_refusal_is_an_end_that_withdraws_the_text(provider: str, calls: WatchfulCollector, order: str) -> None:
    answer = ask(provider, calls, f"stand-in:tokens=6 stand-in:{order}")

    assert answer.end is not None
    assert answer.end.finish is Finish.REFUSED
    assert answer.text.split() == (HALF if order == "refuse_midway" else [])
    assert len(calls.calls) == 1


def test_an_answer_cut_by_the_limit_of_tokens_says_so(provider: str, calls: WatchfulCollector) -> None:
    answer = ask(provider, calls, "stand-in:tokens=6 stand-in:length")

    assert answer.end is not None
    assert answer.end.finish is Finish.LENGTH
    assert answer.text.split()[:3] == HALF


def test_an_empty_answer_is_a_failure_after_a_second_try(provider: str, calls: WatchfulCollector) -> None:
    answer = ask(provider, calls, "stand-in:empty")

    assert answer.error is not None
    assert answer.error.category is ErrorCategory.AI_ERROR
    assert len(calls.calls) == 2


def test_a_limit_that_names_its_delay_fails_with_it_and_costs_nothing(provider: str, calls: WatchfulCollector) -> None:
    answer = ask(provider, calls, "", key="minute-limited-key")

    assert answer.error is not None
    assert (answer.error.category, answer.error.is_transient) == (ErrorCategory.RATE_LIMIT, True)
    assert answer.error.retry_after_s == 7
    assert failures(calls) == [(ErrorCategory.RATE_LIMIT, True)]


def test_a_limit_without_a_delay_is_asked_again_or_left_to_another_key(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient
) -> None:
    stand_ins.fault(provider, "status", status=429, times=1)
    keys: dict[str, Any] = {"gemini_api_key_1": "second"} if provider == "gemini" else {}

    answer = ask(provider, calls, "stand-in:tokens=6", **keys)

    assert answer.end is not None
    assert [call.error_category for call in calls.calls] == [ErrorCategory.RATE_LIMIT, None]


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_an_overloaded_provider_is_asked_once_more(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient, status: int
) -> None:
    stand_ins.fault(provider, "status", status=status, times=1)

    answer = ask(provider, calls, "stand-in:tokens=6")

    assert answer.end is not None
    assert failures(calls)[0] == (BROKEN, True)
    assert [call.status for call in calls.calls] == [status, 200]


def test_a_page_of_html_instead_of_an_error_is_a_failure_of_the_provider(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient
) -> None:
    stand_ins.fault(provider, "status", status=502, body="<html>bad gateway</html>")

    answer = ask(provider, calls, "")

    assert answer.error is not None
    assert (answer.error.category, answer.error.is_transient) == (BROKEN, True)


def test_a_page_of_html_instead_of_a_stream_is_a_failure_of_the_provider(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient
) -> None:
    stand_ins.fault(provider, "garbage")

    answer = ask(provider, calls, "")

    assert answer.error is not None
    assert (answer.error.category, {call.cost_usd for call in calls.calls}) == (BROKEN, {unknown_usd(provider)})


@pytest.mark.parametrize("key", ["bad-key", "denied-key", "spend-limited-key"])
def test_a_bad_key_and_a_spend_limit_are_failures_of_our_account(
    provider: str, calls: WatchfulCollector, key: str
) -> None:
    answer = ask(provider, calls, "", key=key)

    assert answer.error is not None
    assert (answer.error.category, answer.error.is_transient) == (ErrorCategory.AUTH, False)
    assert failures(calls) == [(ErrorCategory.AUTH, True)]


def test_a_model_that_is_gone_is_not_asked_again(provider: str, calls: WatchfulCollector) -> None:
    gone: dict[str, Any] = {"chat_model": "gone-1"}
    if provider == "gemini":
        gone |= {"gemini_model": "gone-2", "gemini_fallback_model": "gone-3"}

    answer = ask(provider, calls, "", **gone)

    assert answer.error is not None
    assert (answer.error.category, answer.error.is_transient, answer.error.status) == (BROKEN, False, 404)
    assert len({call.model for call in calls.calls}) == len(calls.calls)


@pytest.mark.parametrize("fault", ["timeout", "silence"])
def test_an_answer_ends_at_the_deadline(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient, fault: str
) -> None:
    if fault == "timeout":
        stand_ins.fault(provider, "timeout")

    answer = ask(provider, calls, "stand-in:silence", timeout_s=1.0)

    assert answer.error is not None
    assert (answer.error.category, answer.error.is_transient) == (ErrorCategory.TIMEOUT, True)
    assert calls.calls[-1].cost_usd == unknown_usd(provider)


def test_a_dropped_connection_is_asked_once_more(
    provider: str, calls: WatchfulCollector, stand_ins: StandInsClient
) -> None:
    stand_ins.fault(provider, "disconnect", times=1)

    answer = ask(provider, calls, "stand-in:tokens=6")

    assert answer.end is not None
    assert answer.end.cost_usd is not None
    assert [(call.error_category, call.cost_usd) for call in calls.calls] == [
        (BROKEN, unknown_usd(provider)),
        (None, answer.end.cost_usd),
    ]


def test_earlier_turns_and_instructions_are_part_of_the_prompt(provider: str, calls: WatchfulCollector) -> None:
    short, long = WatchfulCollector(), WatchfulCollector()

    collect(chat_model(provider, short), chat_prompt("Why?"))
    collect(chat_model(provider, long), chat_prompt("Why?", "How? " * 50, "So. " * 50, system="You explain. " * 50))

    assert (long.calls[0].input_tokens or 0) > (short.calls[0].input_tokens or 0) + 100


def test_a_consumer_that_stops_early_closes_the_call_and_its_record(provider: str, calls: WatchfulCollector) -> None:
    async def read_one() -> None:
        stream: Any = chat_model(provider, calls).stream(chat_prompt("Why? stand-in:silence"), timeout_s=60)
        async with aclosing(stream):
            assert isinstance(await anext(stream), ChatDelta)

    asyncio.run(read_one())

    calls.check()
    assert [(call.status, call.error_category, call.cost_usd) for call in calls.calls] == [
        (200, None, unknown_usd(provider))
    ]


def test_a_cancelled_stream_is_recorded_once(provider: str, calls: WatchfulCollector) -> None:
    async def cancel_after_text(model: ChatModel, prompt: ChatPrompt) -> None:
        has_text = asyncio.Event()

        async def read() -> None:
            async for _ in model.stream(prompt, timeout_s=60):
                has_text.set()

        task = asyncio.create_task(read())
        await has_text.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    asyncio.run(cancel_after_text(chat_model(provider, calls), chat_prompt("Why? stand-in:silence")))

    calls.check()
    assert [call.cost_usd for call in calls.calls] == [unknown_usd(provider)]


@pytest.mark.parametrize("order", ["key", "cut", "error_first", "garbage"])
def test_no_key_and_no_question_is_in_an_error_or_a_log(
    provider: str, calls: WatchfulCollector, caplog: pytest.LogCaptureFixture, order: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="whyviral")
    question = f"private-question stand-in:{order}"

    answer = ask(provider, calls, question, key="bad-key" if order == "key" else "stand-in")

    said = f"{answer.error!r} {answer.error} {calls.calls} {calls.begun} {caplog.text}"
    assert [secret for secret in SECRETS if secret in said] == []
