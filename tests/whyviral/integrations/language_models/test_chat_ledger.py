"""Chat with a real ledger: its calls run in threads, and its money is reserved before text arrives."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from tests.fixtures.chat import chat_prompt
from tests.fixtures.model_providers import PROVIDERS, model_settings, unknown_usd
from tests.fixtures.pipeline import Pipeline, check_books
from whyviral.analysis.models import Stage
from whyviral.analysis.pipeline import RequestJob
from whyviral.core.database import session_scope
from whyviral.integrations.model_choice.factory import build_chat_model
from whyviral.integrations.ports.chat_model import ChatDelta, ChatEnd
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.prices import PRICES
from whyviral.vendor_calls.settlement import record_calls

pytestmark = [pytest.mark.usefixtures("local_endpoints", "stand_ins"), pytest.mark.parametrize("provider", PROVIDERS)]


def ledger_of(pipeline: Pipeline, job: RequestJob) -> Ledger:
    return Ledger(pipeline.engine, job, Stage.ANALYSING, limits=pipeline.limits, clock=pipeline.clock)


def stream_of(provider: str, pipeline: Pipeline, ledger: Ledger, question: str) -> Any:
    model = build_chat_model(model_settings(provider), calls=ledger, prices=PRICES, clock=pipeline.clock)
    return model.stream(chat_prompt(question), timeout_s=60)


def test_the_cost_is_reserved_before_the_text_and_settled_after_the_end(pipeline: Pipeline, provider: str) -> None:
    job, _ = pipeline.collected("20")
    ledger = ledger_of(pipeline, job)
    is_free = provider == "self_hosted"
    reserved: list[bool] = []

    async def read() -> ChatEnd:
        async with aclosing(stream_of(provider, pipeline, ledger, "Why? stand-in:tokens=6")) as stream:
            async for event in stream:
                if isinstance(event, ChatDelta) and not reserved:
                    reserved.append(await asyncio.to_thread(lambda: pipeline.read(job).reserved_usd > 0))
        assert isinstance(event, ChatEnd)
        return event

    end = asyncio.run(read())

    with session_scope(pipeline.engine) as session:
        record_calls(session, job, ledger.drain(), step=Stage.ANALYSING)
    (call,) = [call for call in pipeline.calls(job) if call.provider == provider]
    assert reserved == [not is_free]
    assert (call.status, call.cost_usd, call.input_tokens) == (200, end.cost_usd, end.input_tokens)
    request = pipeline.read(job)
    assert request.reserved_usd == 0
    assert request.total_api_calls == len(pipeline.calls(job))
    check_books(pipeline, job)


def test_the_money_of_a_cut_answer_stays_reserved(pipeline: Pipeline, provider: str) -> None:
    job, _ = pipeline.collected("20")
    ledger = ledger_of(pipeline, job)

    async def read_one() -> None:
        async with aclosing(stream_of(provider, pipeline, ledger, "Why? stand-in:silence")) as stream:
            await anext(stream)

    asyncio.run(read_one())

    with session_scope(pipeline.engine) as session:
        record_calls(session, job, ledger.drain(), step=Stage.ANALYSING)
    (call,) = [call for call in pipeline.calls(job) if call.provider == provider]
    assert (call.status, call.cost_usd) == (200, unknown_usd(provider))
    assert (pipeline.read(job).reserved_usd > 0) == (provider != "self_hosted")
