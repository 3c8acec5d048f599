"""Fixtures for tests of chat: a user with an analysis, and a model that plays a script."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from functions.api.dependencies import Services
from tests.factories import create_analysis, create_post, create_request
from tests.fakes.chat_model import ChatScript
from tests.functions.api.conftest import SignedIn, replace_services
from whyviral.analysis.models import PostAnalysis, RequestStatus
from whyviral.chat.answers import Answers
from whyviral.chat.message_budget import STEP
from whyviral.chat.models import ChatMessage
from whyviral.chat.timings import Timings
from whyviral.core.clock import utc_now
from whyviral.throttling.models import RateWindow
from whyviral.usage.models import UserUsage
from whyviral.vendor_calls.ledger import Ledger
from whyviral.vendor_calls.models import DailySpend
from whyviral.vendor_calls.money import SpendLimits

SESSIONS = "/api/analysis/chat/sessions/"
QUESTION = {"content": "Why did people share it?"}


@dataclass(frozen=True, slots=True)
class Chatter:
    """A user with a session about an analysis."""

    signed_in: SignedIn
    analysis: PostAnalysis
    session_id: str

    @property
    def headers(self) -> dict[str, str]:
        return self.signed_in.headers

    @property
    def session_path(self) -> str:
        return f"{SESSIONS}{self.session_id}/"

    @property
    def messages_path(self) -> str:
        return f"{self.session_path}messages/"

    @property
    def stream_path(self) -> str:
        return f"{self.messages_path}stream/"

    def resume_path(self, message_id: str) -> str:
        return f"{self.messages_path}{message_id}/stream/"


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    event: str
    data: Any
    id: str | None = None


def events_of(text: str) -> list[Event]:
    """Return the events of a finished stream; comments are left out."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if fields:
            events.append(Event(fields["event"], json.loads(fields["data"]), fields.get("id")))
    return events


def text_of(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.event == "token")


@pytest.fixture
def script() -> ChatScript:
    return ChatScript()


@pytest.fixture
def timings() -> Timings:
    return Timings(save_interval_s=0.02, poll_s=0.02)


@pytest.fixture
def chat_app(app: FastAPI, script: ChatScript, timings: Timings) -> FastAPI:
    services: Services = app.state.services
    replace_services(app, answers=build_answers(services, services.engine, script, timings))
    return app


def build_answers(services: Services, engine: Engine, script: ChatScript, timings: Timings) -> Answers:
    limits = SpendLimits(per_request_usd=Decimal(5), per_day_usd=Decimal(100))
    return Answers(
        services.transactions,
        build_model=script.build,
        open_ledger=lambda question: Ledger(
            engine, question.budget, STEP, post_id=question.post_id, limits=limits, clock=utc_now
        ),
        clock=utc_now,
        timings=timings,
    )


@pytest.fixture
def chatter(
    chat_app: FastAPI, client: TestClient, sign_in: Callable[..., SignedIn], rows: Session
) -> Iterator[Chatter]:
    signed_in = sign_in("pro")
    yield start_chat(client, rows, signed_in)
    rows.rollback()
    rows.query(RateWindow).delete()
    rows.query(DailySpend).delete()
    rows.commit()


def create_ended_analysis(rows: Session, user: Any, **columns: Any) -> PostAnalysis:
    post = create_post(rows)
    request = create_request(rows, user, [post], **{"status": RequestStatus.COMPLETED} | columns)
    analysis = create_analysis(rows, request, post)
    rows.commit()
    return analysis


def start_chat(client: TestClient, rows: Session, signed_in: SignedIn) -> Chatter:
    analysis = create_ended_analysis(rows, signed_in.user)
    reply = client.post(SESSIONS, json={"post_analysis_id": str(analysis.id)}, headers=signed_in.headers)
    assert reply.status_code == 201, reply.text
    return Chatter(signed_in, analysis, reply.json()["id"])


def messages_of(rows: Session, chatter: Chatter) -> list[ChatMessage]:
    rows.rollback()
    query = select(ChatMessage).where(ChatMessage.session_id == chatter.session_id).order_by(ChatMessage.seq)
    return list(rows.scalars(query, execution_options={"populate_existing": True}))


def questions_asked(rows: Session, chatter: Chatter) -> int:
    rows.rollback()
    query = select(UserUsage.questions_asked).where(UserUsage.user_id == chatter.signed_in.user.id)
    return rows.scalar(query) or 0


def ask(client: TestClient, chatter: Chatter, content: str = "Why?", **headers: str) -> httpx2.Response:
    return client.post(chatter.messages_path, json={"content": content}, headers=chatter.headers | headers)
