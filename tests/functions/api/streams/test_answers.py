"""Answers of applications that are started as the adapter starts them, with the real client of the model."""

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.factories import create_analysis, create_post, create_request, create_subscription, create_user
from tests.fixtures.proof_scale import scaled
from tests.fixtures.stand_ins import StandInsClient
from tests.functions.api.streams.conftest import StreamProcess
from tests.functions.api.streams.readers import ChatClient, Reading, open_http
from whyviral.analysis.models import RequestStatus
from whyviral.chat.models import ChatMessage, ChatSession, MessageStatus
from whyviral.vendor_calls.models import ExternalApiCallLog

TOKENS = 200
QUESTION = "Why? stand-in:tokens={} stand-in:pause_ms={}"

type StartChat = Callable[[], tuple[dict[str, str], str]]


@pytest.fixture
def start_chat(rows: Session, stand_ins: StandInsClient) -> StartChat:
    """Return a function that creates a user with a session about an analysis."""

    def start() -> tuple[dict[str, str], str]:
        user = create_user(rows)
        create_subscription(rows, user, plan="business")
        post = create_post(rows)
        request = create_request(rows, user, [post], status=RequestStatus.COMPLETED)
        chat = ChatSession(user_id=user.id, post_analysis_id=create_analysis(rows, request, post).id)
        rows.add(chat)
        rows.commit()
        token = stand_ins.token(str(user.email), overrides={"sub": user.clerk_user_id}, expires_in_seconds=3_000)[
            "token"
        ]
        return {"Authorization": f"Bearer {token}"}, str(chat.id)

    return start


async def read_all(
    base_urls: list[str], chats: list[tuple[dict[str, str], str]], *, disconnects: int, pause_ms: int
) -> list[Reading]:
    """Let each client read one answer with its share of disconnects, all at the same time."""
    question = QUESTION.format(TOKENS, pause_ms)
    async with open_http() as http:
        clients = [ChatClient(http, headers, session_id) for headers, session_id in chats]
        return await asyncio.gather(
            *(
                client.read_with_disconnects(
                    base_urls, question, tokens=TOKENS, disconnects=disconnects, chance=random.Random(number)
                )
                for number, client in enumerate(clients)
            )
        )


def assert_whole(reading: Reading) -> None:
    assert reading.end is not None
    event, data = reading.end
    assert event == "done", data
    assert reading.seqs == list(range(1, len(reading.seqs) + 1))
    assert len(reading.seqs) >= TOKENS // 2
    assert data["message"]["content"] == reading.text
    assert data["message"]["status"] == "complete"


def test_no_token_is_lost_or_doubled_over_two_processes(
    start_stream: Callable[..., StreamProcess], start_chat: StartChat
) -> None:
    base_urls = [start_stream().base_url for _ in range(2)]
    chats = [start_chat() for _ in range(5)]

    readings = asyncio.run(read_all(base_urls, chats, disconnects=10, pause_ms=5))

    assert sum(reading.disconnects for reading in readings) >= 50
    for reading in readings:
        assert_whole(reading)


@pytest.mark.proof
def test_a_thousand_disconnects_lose_and_double_no_token(
    start_stream: Callable[..., StreamProcess], start_chat: StartChat
) -> None:
    base_urls = [start_stream().base_url for _ in range(2)]
    left = scaled(1_000)

    while left > 0:
        readings = asyncio.run(read_all(base_urls, [start_chat() for _ in range(5)], disconnects=20, pause_ms=5))
        left -= sum(reading.disconnects for reading in readings)
        for reading in readings:
            assert_whole(reading)


def test_nothing_is_buffered_between_the_model_and_the_client(
    start_stream: Callable[..., StreamProcess], start_chat: StartChat
) -> None:
    """A client has the first words while the model is still writing, which the row of the answer shows."""
    base_url = start_stream().base_url
    headers, session_id = start_chat()

    async def read_the_first_words() -> Any:
        async with open_http() as http:
            client, reading = ChatClient(http, headers, session_id), Reading()
            await client.ask(base_url, QUESTION.format(20, 500), reading, stop_after=3)
            assert len(reading.seqs) == 3
            return (await client.last_answer(base_url))["status"]

    assert asyncio.run(read_the_first_words()) == MessageStatus.GENERATING


@pytest.mark.proof
def test_killed_processes_leave_answers_that_end_and_costs_that_equal_the_ledger(
    start_stream: Callable[..., StreamProcess], start_chat: StartChat, rows: Session
) -> None:
    processes = [start_stream(), start_stream()]
    chance = random.Random(1)
    chats: list[tuple[dict[str, str], str]] = []

    for _ in range(scaled(50)):
        victim = chance.randrange(2)
        asked = [start_chat() for _ in range(3)]
        chats += asked
        asyncio.run(_ask_without_reading(processes[victim].base_url, asked, chance))
        processes[victim].process.kill()
        processes[victim] = start_stream()
    endings = asyncio.run(_read_to_the_end(processes[0].base_url, chats))

    assert set(endings) <= {"done", "error"}
    rows.rollback()
    session_ids = [session_id for _, session_id in chats]
    answers = rows.scalars(
        select(ChatMessage).where(ChatMessage.session_id.in_(session_ids), ChatMessage.role == "assistant")
    ).all()
    assert len(answers) == len(chats)
    assert {answer.status for answer in answers} <= {"complete", "partial", "failed"}
    for answer in answers:
        _assert_settled(rows, answer)


async def _ask_without_reading(base_url: str, chats: list[tuple[dict[str, str], str]], chance: random.Random) -> None:
    async with open_http() as http:
        await asyncio.gather(
            *(
                ChatClient(http, headers, session_id).ask(
                    base_url, QUESTION.format(TOKENS, 20), Reading(), stop_after=chance.randint(1, 60)
                )
                for headers, session_id in chats
            )
        )


async def _read_to_the_end(base_url: str, chats: list[tuple[dict[str, str], str]]) -> list[str]:
    """Read every answer from its start to its end, and return the names of the last events."""
    async with open_http() as http:
        clients = [ChatClient(http, headers, session_id) for headers, session_id in chats]

        async def read(client: ChatClient) -> str:
            reading = Reading()
            await client.resume(base_url, (await client.last_answer(base_url))["id"], reading)
            assert reading.end is not None
            return reading.end[0]

        return list(await asyncio.gather(*map(read, clients)))


def _assert_settled(rows: Session, answer: ChatMessage) -> None:
    costs, bounds = rows.execute(
        select(
            func.coalesce(func.sum(ExternalApiCallLog.cost_usd), 0),
            func.coalesce(
                func.sum(ExternalApiCallLog.reserved_usd).filter(ExternalApiCallLog.cost_usd.is_(None)), Decimal(0)
            ),
        ).where(ExternalApiCallLog.chat_message_id == answer.id)
    ).one()
    unfinished = ExternalApiCallLog.duration_ms.is_(None)
    open_calls = select(func.count()).where(ExternalApiCallLog.chat_message_id == answer.id, unfinished)
    assert (answer.cost_usd, answer.reserved_usd) == (costs, bounds)
    assert rows.scalar(open_calls) == 0
