"""Streamed answers: their events, failures at every place, resuming, and answers that no client reads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tests.fakes.chat_model import COST_USD, MOST_USD, ChatScript, Gate
from tests.fixtures.waits import wait_until
from tests.functions.api.chat.conftest import (
    QUESTION,
    Chatter,
    Event,
    ask,
    build_answers,
    events_of,
    messages_of,
    questions_asked,
    start_chat,
    text_of,
)
from tests.functions.api.conftest import SignedIn, replace_services
from whyviral.chat.models import ChatMessage, ChatMessageChunk
from whyviral.chat.timings import Timings
from whyviral.core.clock import utc_now
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.ports.chat_model import Finish
from whyviral.vendor_calls.models import ExternalApiCallLog

FAILURE = ProviderError("The model does not answer.", provider="gemini", category=ErrorCategory.PROVIDER_ERROR)
GATES = ThreadPoolExecutor(4)


def stream(client: TestClient, chatter: Chatter, content: str = "Why?", **headers: str) -> list[Event]:
    reply = client.post(chatter.stream_path, json={"content": content}, headers=chatter.headers | headers)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/event-stream; charset=utf-8"), reply.text
    return events_of(reply.text)


def resume(client: TestClient, chatter: Chatter, message_id: object, after: str | None = None) -> list[Event]:
    headers = chatter.headers | ({} if after is None else {"Last-Event-ID": after})
    reply = client.get(chatter.resume_path(str(message_id)), headers=headers)
    assert reply.status_code == 200, reply.text
    return events_of(reply.text)


def test_a_stream_sends_numbered_tokens_and_the_saved_answer(
    client: TestClient, chatter: Chatter, rows: Session
) -> None:
    events = stream(client, chatter)

    assert [event.event for event in events] == ["token"] * 4 + ["done"]
    assert [(event.id, event.data["seq"]) for event in events[:-1]] == [(str(n), n) for n in range(1, 5)]
    assert events[-1].data["message"]["content"] == text_of(events) == "It was shared [F1]."
    assert messages_of(rows, chatter)[1].status == "complete"


def test_the_stream_may_not_be_buffered_or_cached(client: TestClient, chatter: Chatter) -> None:
    reply = client.post(chatter.stream_path, json=QUESTION, headers=chatter.headers)

    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-accel-buffering"] == "no"
    assert reply.headers["ratelimit"].startswith('"chat";r=99;')


def test_the_calls_of_an_answer_belong_to_the_trace_of_its_question(
    client: TestClient, chatter: Chatter, rows: Session
) -> None:
    reply = client.post(chatter.stream_path, json=QUESTION, headers=chatter.headers)

    answer = messages_of(rows, chatter)[1]
    traces = rows.scalars(
        select(ExternalApiCallLog.trace_id).where(ExternalApiCallLog.chat_message_id == answer.id)
    ).all()
    assert set(traces) == {reply.headers["X-Request-Id"]}


@pytest.mark.parametrize("after", range(5))
def test_a_finished_answer_is_streamed_again_after_any_event(
    client: TestClient, chatter: Chatter, rows: Session, after: int
) -> None:
    whole = stream(client, chatter)

    again = resume(client, chatter, messages_of(rows, chatter)[1].id, str(after))

    assert again == whole[after:]


def test_an_answer_whose_pieces_are_deleted_is_sent_as_a_whole(
    client: TestClient, chatter: Chatter, rows: Session
) -> None:
    whole = stream(client, chatter)
    answer = messages_of(rows, chatter)[1]
    rows.query(ChatMessageChunk).filter_by(message_id=answer.id).delete()
    rows.commit()

    again = resume(client, chatter, answer.id)

    assert [event.event for event in again] == ["token", "done"]
    assert text_of(again) == text_of(whole)
    assert [event.event for event in resume(client, chatter, answer.id, "2")] == ["done"]


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "", "9999999999", "0x1", "1,2"])
def test_a_last_event_id_that_is_none_is_refused(
    client: TestClient, chatter: Chatter, rows: Session, header: str
) -> None:
    stream(client, chatter)
    answer = messages_of(rows, chatter)[1]

    reply = client.get(chatter.resume_path(str(answer.id)), headers=chatter.headers | {"Last-Event-ID": header})

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


def test_a_question_cannot_be_streamed(client: TestClient, chatter: Chatter, rows: Session) -> None:
    stream(client, chatter)
    question = messages_of(rows, chatter)[0]

    reply = client.get(chatter.resume_path(str(question.id)), headers=chatter.headers)

    assert (reply.status_code, reply.json()["code"]) == (404, "chat_message_not_found")


def test_a_failure_before_the_first_piece_returns_the_question(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    script.steps = [FAILURE]

    (event,) = stream(client, chatter)

    assert event.event == "error"
    assert event.data.keys() == {"error", "code", "request_id"}
    assert (event.data["error"], event.data["code"]) == ("The model does not answer.", "answer_failed")
    answer = messages_of(rows, chatter)[1]
    assert (answer.status, answer.content, answer.error_category) == ("failed", "", "provider_error")
    assert questions_asked(rows, chatter) == 0


def test_a_failure_in_the_middle_keeps_the_text_and_counts_the_question(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    script.steps = ["It ", "was ", FAILURE]

    events = stream(client, chatter)

    assert [event.event for event in events] == ["token", "token", "error"]
    answer = messages_of(rows, chatter)[1]
    assert (answer.status, answer.content, answer.error) == ("partial", "It was ", "The model does not answer.")
    assert questions_asked(rows, chatter) == 1
    # The price of a call that broke off is unknown: what was reserved for it stays reserved.
    assert (answer.cost_usd, answer.reserved_usd) == (Decimal(0), MOST_USD)
    assert resume(client, chatter, answer.id)[:2] == events[:2]


def test_a_failure_after_the_last_piece_keeps_the_whole_text(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    script.steps = ["It was ", "seen by many.", FAILURE]

    events = stream(client, chatter)

    assert [event.event for event in events][-1] == "error"
    answer = messages_of(rows, chatter)[1]
    assert (answer.status, answer.content, text_of(events)) == ("partial", "It was seen by many.", answer.content)
    assert questions_asked(rows, chatter) == 1


def test_an_end_without_a_reason_is_a_partial_answer(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    script.steps = ["It was cut ", Finish.LENGTH]

    events = stream(client, chatter)

    assert [event.event for event in events] == ["token", "done"]
    assert events[-1].data["message"]["is_partial"] is True
    assert messages_of(rows, chatter)[1].cost_usd == COST_USD


def test_a_withdrawn_answer_is_not_kept(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    script.steps = ["It was bad ", Finish.REFUSED]

    events = stream(client, chatter)

    assert events[-1].event == "error"
    answer = messages_of(rows, chatter)[1]
    assert (answer.status, answer.content, answer.cost_usd) == ("failed", "", COST_USD)
    assert questions_asked(rows, chatter) == 0
    assert [event.event for event in resume(client, chatter, answer.id)] == ["error"]


def test_an_unexpected_error_ends_the_answer(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    script.steps = ["It ", ZeroDivisionError("secret text")]

    events = stream(client, chatter)

    assert [event.event for event in events] == ["token", "error"]
    assert "secret" not in str(events)
    assert messages_of(rows, chatter)[1].status == "partial"


def test_a_failed_answer_without_a_stream_is_an_error(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    script.steps = [FAILURE]

    reply = ask(client, chatter)

    assert (reply.status_code, reply.json()["code"]) == (503, "answer_failed")
    assert reply.json()["chat_session_id"] == chatter.session_id
    assert questions_asked(rows, chatter) == 0


def test_an_answer_without_a_stream_is_cut_when_its_time_is_over(
    client: TestClient, chat_app: FastAPI, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    services = chat_app.state.services
    timings = Timings(save_interval_s=0.02, poll_s=0.02, max_wait_s=0.3)
    replace_services(chat_app, answers=build_answers(services, services.engine, script, timings))
    gate = Gate()
    script.steps = ["It ", "was ", gate, "late ", Finish.STOP]

    reply = ask(client, chatter)

    assert (reply.status_code, reply.json()["content"], reply.json()["is_partial"]) == (201, "It was ", True)
    assert messages_of(rows, chatter)[1].status == "partial"
    assert questions_asked(rows, chatter) == 1


def test_a_session_that_is_answering_refuses_another_question(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    gate = Gate()
    script.steps = ["It ", gate, "was. ", Finish.STOP]
    first = GATES.submit(stream, client, chatter)
    gate.reached.wait()

    second = client.post(chatter.messages_path, json=QUESTION, headers=chatter.headers)
    gate.open()

    assert (second.status_code, second.json()["code"]) == (409, "chat_busy")
    assert first.result()[-1].event == "done"
    assert questions_asked(rows, chatter) == 1


def test_a_question_sent_again_while_it_is_answered_streams_the_same_answer_from_its_start(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    gate = Gate()
    script.steps = ["It ", gate, "was. ", Finish.STOP]
    body = QUESTION | {"client_message_id": "once"}

    def send() -> list[Event]:
        return events_of(client.post(chatter.stream_path, json=body, headers=chatter.headers).text)

    first = GATES.submit(send)
    gate.reached.wait()
    second = GATES.submit(send)
    gate.open()

    assert first.result() == second.result()
    assert text_of(first.result()) == "It was. "
    assert len(messages_of(rows, chatter)) == 2
    assert questions_asked(rows, chatter) == 1


@pytest.mark.parametrize("path", ["messages_path", "stream_path"])
@pytest.mark.parametrize("by", ["client_message_id", "Idempotency-Key"])
def test_a_resend_is_harmless(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session, path: str, by: str
) -> None:
    body = QUESTION | ({by: "once"} if by == "client_message_id" else {})
    headers = chatter.headers | ({by: "once"} if by == "Idempotency-Key" else {})

    replies = [client.post(getattr(chatter, path), json=body, headers=headers) for _ in range(3)]

    assert {reply.status_code for reply in replies} == {201 if path == "messages_path" else 200}
    assert len({reply.text for reply in replies}) == 1
    assert len(script.prompts) == 1
    assert questions_asked(rows, chatter) == 1


def test_another_question_with_the_same_client_message_id_is_refused(client: TestClient, chatter: Chatter) -> None:
    client.post(chatter.messages_path, json=QUESTION | {"client_message_id": "a"}, headers=chatter.headers)

    reply = client.post(
        chatter.messages_path, json={"content": "Else?", "client_message_id": "a"}, headers=chatter.headers
    )

    assert (reply.status_code, reply.json()["code"]) == (422, "client_message_id_reused")


def test_the_daily_limit_of_questions_is_exact(
    client: TestClient, chatter: Chatter, script: ChatScript, sign_in: Callable[..., SignedIn], rows: Session
) -> None:
    free = start_chat(client, rows, sign_in("free"))
    statuses = [ask(client, free, f"{number}?").status_code for number in range(9)]
    script.steps = [FAILURE]
    statuses.append(ask(client, free).status_code)  # returned
    script.steps = ["Yes. ", Finish.STOP]
    statuses += [ask(client, free, f"{number}?").status_code for number in range(2)]
    refused = ask(client, free)

    assert statuses == [201] * 9 + [503, 201, 403]
    assert (refused.status_code, refused.json()["code"]) == (403, "usage_limit_reached")
    assert refused.json()["details"]["limit"] == 10
    assert questions_asked(rows, free) == 10


def test_an_answer_that_no_client_reads_is_stopped_and_kept(
    client: TestClient, chat_app: FastAPI, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    services = chat_app.state.services
    timings = Timings(save_interval_s=0.02, poll_s=0.02, unwatched_s=0.1)
    replace_services(chat_app, answers=build_answers(services, services.engine, script, timings))
    gate = Gate()
    script.steps = ["It ", "was ", gate, "late ", Finish.STOP]

    with client.stream("POST", chatter.stream_path, json=QUESTION, headers=chatter.headers) as reply:
        next(reply.iter_lines())

    answer = wait_until(lambda: [message for message in messages_of(rows, chatter) if message.status == "partial"])[0]
    assert answer.content == "It was "
    assert "no client was reading" in (answer.error or "")


def test_an_answer_of_a_dead_process_is_ended_by_the_next_reader(
    client: TestClient, chat_app: FastAPI, chatter: Chatter, script: ChatScript, rows: Session
) -> None:
    answer_id = leave_behind(client, chatter, rows, ["It ", "was "])

    events = resume(client, chatter, answer_id)

    assert [event.event for event in events] == ["token", "token", "error"]
    answer = messages_of(rows, chatter)[1]
    assert (answer.status, answer.content) == ("partial", "It was ")
    assert questions_asked(rows, chatter) == 1


def test_an_answer_of_a_dead_process_without_any_text_returns_its_question(
    client: TestClient, chatter: Chatter, rows: Session
) -> None:
    leave_behind(client, chatter, rows, [])

    assert ask(client, chatter, "Next?").status_code == 201  # the next question ends the answer before

    statuses = [message.status for message in messages_of(rows, chatter)]
    assert statuses == ["complete", "failed", "complete", "complete"]
    assert questions_asked(rows, chatter) == 1


def leave_behind(client: TestClient, chatter: Chatter, rows: Session, pieces: list[str]) -> object:
    """Leave rows as a process does that is killed while it answers; return the answer's id."""
    ask(client, chatter)
    answer = messages_of(rows, chatter)[1]
    rows.query(ChatMessageChunk).filter_by(message_id=answer.id).delete()
    for seq, piece in enumerate(pieces, start=1):
        rows.add(ChatMessageChunk(message_id=answer.id, first_seq=seq, pieces=[piece]))
    answer.status, answer.content, answer.finished_at = "generating", "", None
    answer.lease_until = utc_now() - timedelta(seconds=1)
    rows.execute(
        update(ExternalApiCallLog)
        .where(ExternalApiCallLog.chat_message_id == answer.id)
        .values(duration_ms=None, cost_usd=None)
    )
    answer.cost_usd, answer.reserved_usd = Decimal(0), MOST_USD
    rows.commit()
    return answer.id


def test_the_log_of_a_dead_process_is_closed_and_its_cost_stays_reserved(
    client: TestClient, chatter: Chatter, rows: Session
) -> None:
    answer_id = leave_behind(client, chatter, rows, ["It "])

    resume(client, chatter, answer_id)

    rows.rollback()
    (call,) = rows.scalars(select(ExternalApiCallLog).where(ExternalApiCallLog.chat_message_id == answer_id)).all()
    assert call.duration_ms is not None
    assert (call.error_category, call.cost_usd, call.reserved_usd) == ("timeout", None, MOST_USD)
    answer = messages_of(rows, chatter)[1]
    assert (answer.cost_usd, answer.reserved_usd) == (Decimal(0), MOST_USD)


def test_a_deleted_session_ends_its_stream(
    client: TestClient, chatter: Chatter, script: ChatScript, rows: Session, api_engine: Engine
) -> None:
    gate = Gate()
    script.steps = ["It ", gate, "was. ", Finish.STOP]
    streaming = GATES.submit(stream, client, chatter)
    gate.reached.wait()

    assert client.delete(chatter.session_path, headers=chatter.headers).status_code == 204
    gate.open()

    events = streaming.result()
    assert [event.event for event in events][-1] == "error"
    assert events[-1].data["code"] == "chat_message_not_found"
    rows.rollback()
    spent = rows.scalar(
        select(func.sum(ExternalApiCallLog.cost_usd)).where(ExternalApiCallLog.user_id == chatter.signed_in.user.id)
    )
    assert spent in (COST_USD, None)
    assert rows.scalars(select(ChatMessage).where(ChatMessage.session_id == chatter.session_id)).all() == []
