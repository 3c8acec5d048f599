"""Sessions and whole answers: created once, answered, listed, read in pages, deleted."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fakes.chat_model import COST_USD, ChatScript
from tests.functions.api.chat.conftest import (
    QUESTION,
    SESSIONS,
    Chatter,
    ask,
    create_ended_analysis,
    messages_of,
    questions_asked,
    start_chat,
)
from tests.functions.api.conftest import SignedIn
from whyviral.analysis.models import RequestStatus
from whyviral.chat.models import ChatSession
from whyviral.social.models import PostActivity, UserPostActivity
from whyviral.vendor_calls.models import ExternalApiCallLog


def test_a_question_is_answered_and_both_are_saved(client: TestClient, chatter: Chatter, rows: Session) -> None:
    reply = client.post(chatter.messages_path, json=QUESTION, headers=chatter.headers)

    assert reply.status_code == 201, reply.text
    answer = reply.json()
    assert (answer["role"], answer["status"], answer["content"]) == ("assistant", "complete", "It was shared [F1].")
    assert (answer["is_partial"], answer["cost_usd"], answer["model"]) == (False, float(COST_USD), "fake")
    question, saved = messages_of(rows, chatter)
    assert (question.content, question.seq, saved.content, saved.seq) == (QUESTION["content"], 1, answer["content"], 2)


def test_the_cost_of_an_answer_is_the_sum_of_its_logged_calls(
    client: TestClient, chatter: Chatter, rows: Session
) -> None:
    ask(client, chatter)

    (_, answer) = messages_of(rows, chatter)
    calls = rows.scalars(select(ExternalApiCallLog).where(ExternalApiCallLog.chat_message_id == answer.id)).all()
    assert [call.cost_usd for call in calls] == [COST_USD]
    assert (answer.cost_usd, answer.reserved_usd) == (COST_USD, Decimal(0))
    assert calls[0].user_id == chatter.signed_in.user.id


def test_a_question_is_counted_and_recorded_as_activity(client: TestClient, chatter: Chatter, rows: Session) -> None:
    ask(client, chatter)

    assert questions_asked(rows, chatter) == 1
    activities = rows.scalars(
        select(UserPostActivity.activity).where(UserPostActivity.user_id == chatter.signed_in.user.id)
    ).all()
    assert list(activities) == [PostActivity.CHATTED]


def test_creating_a_session_again_returns_it(client: TestClient, chatter: Chatter) -> None:
    body = {"post_analysis_id": str(chatter.analysis.id)}

    again = client.post(SESSIONS, json=body, headers=chatter.headers)

    assert (again.status_code, again.json()["id"]) == (200, chatter.session_id)


def test_parallel_creations_make_one_session(
    client: TestClient, chatter: Chatter, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    user = sign_in()
    body = {"post_analysis_id": str(create_ended_analysis(rows, user.user).id)}

    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: client.post(SESSIONS, json=body, headers=user.headers), range(4)))

    assert sorted(reply.status_code for reply in replies) == [200, 200, 200, 201]
    assert len({reply.json()["id"] for reply in replies}) == 1
    rows.rollback()
    assert len(rows.scalars(select(ChatSession).where(ChatSession.user_id == user.user.id)).all()) == 1


@pytest.mark.parametrize("status", [RequestStatus.PENDING, RequestStatus.PROCESSING])
def test_a_session_needs_an_analysis_that_has_ended(
    client: TestClient, chatter: Chatter, rows: Session, status: RequestStatus
) -> None:
    analysis = create_ended_analysis(rows, chatter.signed_in.user, status=status)

    reply = client.post(SESSIONS, json={"post_analysis_id": str(analysis.id)}, headers=chatter.headers)

    assert (reply.status_code, reply.json()["code"]) == (409, "analysis_not_ready")


def test_the_analysis_of_another_user_is_not_found(client: TestClient, chatter: Chatter, free_user: SignedIn) -> None:
    body = {"post_analysis_id": str(chatter.analysis.id)}

    reply = client.post(SESSIONS, json=body, headers=free_user.headers)

    assert (reply.status_code, reply.json()["code"]) == (404, "post_analysis_not_found")


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST messages/", "POST messages/stream/", "GET resume"])
def test_the_session_of_another_user_is_not_found(
    client: TestClient, chatter: Chatter, free_user: SignedIn, rows: Session, method: str
) -> None:
    ask(client, chatter)
    answer_id = str(messages_of(rows, chatter)[1].id)
    verb, _, path = method.partition(" ")
    address = chatter.resume_path(answer_id) if path == "resume" else chatter.session_path + path
    body = QUESTION if verb == "POST" else None

    reply = client.request(verb, address, json=body, headers=free_user.headers)

    assert reply.status_code == 404
    assert reply.json()["chat_session_id"] == chatter.session_id
    assert questions_asked(rows, chatter) == 1


def test_sessions_are_listed_with_their_last_message(client: TestClient, chatter: Chatter, rows: Session) -> None:
    second = start_chat(client, rows, chatter.signed_in)
    ask(client, chatter)

    listed = client.get(f"{SESSIONS}list/", headers=chatter.headers).json()

    assert listed["count"] == 2
    assert [each["id"] for each in listed["results"]] == [chatter.session_id, second.session_id]
    assert [each["message_count"] for each in listed["results"]] == [2, 0]
    assert listed["results"][0]["last_message"]["content"] == "It was shared [F1]."
    assert listed["results"][1]["last_message"] is None


def test_messages_are_read_in_pages_newest_first(client: TestClient, chatter: Chatter) -> None:
    for number in range(11):
        assert ask(client, chatter, f"Question {number}?").status_code == 201

    first = client.get(chatter.session_path, headers=chatter.headers).json()
    second = client.get(f"{chatter.session_path}?page=2", headers=chatter.headers).json()

    assert first["messages"]["count"] == 22
    assert [message["seq"] for message in first["messages"]["results"]] == list(range(22, 2, -1))
    assert [message["seq"] for message in second["messages"]["results"]] == [2, 1]
    assert first["messages"]["next"].endswith("?page=2")


def test_a_deleted_session_is_gone_and_its_question_stays_counted(
    client: TestClient, chatter: Chatter, rows: Session
) -> None:
    ask(client, chatter)

    assert client.delete(chatter.session_path, headers=chatter.headers).status_code == 204

    assert client.get(chatter.session_path, headers=chatter.headers).status_code == 404
    assert messages_of(rows, chatter) == []
    assert questions_asked(rows, chatter) == 1
    logged = rows.scalars(
        select(ExternalApiCallLog.cost_usd).where(ExternalApiCallLog.user_id == chatter.signed_in.user.id)
    ).all()
    assert list(logged) == [COST_USD]


def test_the_model_receives_the_earlier_turns_and_the_question_last(
    client: TestClient, chatter: Chatter, script: ChatScript
) -> None:
    ask(client, chatter, "First?")
    ask(client, chatter, "Second?")

    prompt = script.prompts[-1]
    assert [turn.role for turn in prompt.turns] == ["user", "assistant", "user"]
    assert prompt.turns[0].text.endswith("# The question\nFirst?")
    assert (prompt.turns[1].text, prompt.turns[2].text) == ("It was shared [F1].", "Second?")
    assert "[F1] likes = 300000 likes" in prompt.turns[0].text


@pytest.mark.parametrize(
    "content", ["", " \n ", "x" * 4_001, "x" * 100_000, "nul \x00", 1, None], ids=lambda content: str(content)[:10]
)
def test_a_bad_question_is_refused_and_not_counted(
    client: TestClient, chatter: Chatter, rows: Session, content: object
) -> None:
    for path in (chatter.messages_path, chatter.stream_path):
        reply = client.post(path, json={"content": content}, headers=chatter.headers)

        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert messages_of(rows, chatter) == []
    assert questions_asked(rows, chatter) == 0


def test_half_a_surrogate_pair_is_refused(client: TestClient, chatter: Chatter) -> None:
    headers = chatter.headers | {"Content-Type": "application/json"}

    reply = client.post(chatter.messages_path, content='{"content": "\\ud83d"}', headers=headers)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_an_unknown_session_is_not_found(client: TestClient, chatter: Chatter) -> None:
    for path in ("", "messages/", "messages/stream/"):
        method = "POST" if path else "GET"
        address = f"{SESSIONS}{uuid.uuid4()}/{path}"
        reply = client.request(method, address, json=QUESTION if path else None, headers=chatter.headers)
        assert (reply.status_code, reply.json()["code"]) == (404, "chat_session_not_found")
