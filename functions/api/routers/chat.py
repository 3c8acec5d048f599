"""Routes for conversations about analyses: sessions, questions, and answers as a whole or as streams."""

import uuid
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.chat.events import AnswerEvent, answer_events
from functions.api.chat.questions import KnownAnswer, StreamedAnswer, WaitedAnswer
from functions.api.dependencies import PageNumber, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.idempotent_call import call_responses
from functions.api.pages import PageOut, page_out
from functions.api.streams.events import LastEventId, stream_responses, with_failures
from whyviral.accounts.service import NoCurrentPlan
from whyviral.analysis.admission import FreeShareReached, SpendLimitReached
from whyviral.analysis.service import PostAnalysisNotFound
from whyviral.chat import question_call
from whyviral.chat import service as chat_service
from whyviral.chat.admission import ChatBusy, ClientMessageIdReused
from whyviral.chat.schemas import MessageOut, SessionBody, SessionOut
from whyviral.chat.service import (
    AnalysisNotReady,
    AnswerFailed,
    MessageNotFound,
    SessionNotFound,
)
from whyviral.usage.questions import QuestionLimitReached

router = APIRouter(
    prefix="/api/analysis/chat/sessions",
    tags=["chat"],
    route_class=AuthenticatedRoute,
    responses=error_responses(*SIGNED_IN),
)
_REFUSALS = (
    SessionNotFound,
    AnalysisNotReady,
    ChatBusy,
    ClientMessageIdReused,
    QuestionLimitReached,
    NoCurrentPlan,
    SpendLimitReached,
    FreeShareReached,
)
_STREAM_RESPONSES = call_responses(HTTPStatus.OK, *_REFUSALS)
_STREAM_RESPONSES[HTTPStatus.OK] |= stream_responses(AnswerEvent)[HTTPStatus.OK]


class SessionList(PageOut[SessionOut]):
    """One page of chat sessions."""


class MessageList(PageOut[MessageOut]):
    """One page of the messages of a session, newest first."""


class SessionDetail(SessionOut):
    """A conversation with one page of its messages."""

    messages: MessageList


@router.post(
    "/",
    status_code=HTTPStatus.CREATED,
    response_model=SessionOut,
    responses={
        **error_responses(*SIGNED_IN, PostAnalysisNotFound, AnalysisNotReady),
        HTTPStatus.OK: {"model": SessionOut, "description": "The session exists already."},
    },
)
def create_session(body: SessionBody, user: CurrentUser, session: SessionDep, response: Response) -> Any:
    """Start the caller's conversation about an analysis, or return it if there is one."""
    chat, is_new = chat_service.create_session(session, user.id, body.post_analysis_id)
    response.status_code = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return chat


@router.get("/list/", response_model=SessionList)
def list_sessions(
    request: Request, user: CurrentUser, session: SessionDep, services: ServicesDep, page: PageNumber = 1
) -> Any:
    """List the caller's conversations with their last messages, the latest active first."""
    found = chat_service.list_sessions(session, user.id, page=page)
    return page_out(found, SessionList, request=request, services=services)


@router.get("/{chat_session_id}/", response_model=SessionDetail, responses=error_responses(*SIGNED_IN, SessionNotFound))
def get_session(
    chat_session_id: uuid.UUID,
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
) -> Any:
    """Return a conversation with a page of its messages, newest first."""
    found = chat_service.read_session(session, user.id, chat_session_id, page=page)
    messages = page_out(found.messages, MessageList, request=request, services=services)
    return SessionDetail(**found.session.model_dump(), messages=messages)


@router.delete(
    "/{chat_session_id}/",
    status_code=HTTPStatus.NO_CONTENT,
    responses=error_responses(*SIGNED_IN, SessionNotFound),
)
def delete_session(chat_session_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> Response:
    """Delete a conversation with its messages; its questions stay counted."""
    chat_service.delete_session(session, user.id, chat_session_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/{chat_session_id}/messages/",
    status_code=HTTPStatus.CREATED,
    response_model=MessageOut,
    responses=call_responses(HTTPStatus.CREATED, *_REFUSALS, MessageNotFound, AnswerFailed),
)
async def send_message(answer_id: WaitedAnswer, services: ServicesDep) -> Any:
    """Ask a question and return the answer, which is cut after 24 seconds."""
    return await question_call.wait_for_answer(services.answers, answer_id)


@router.post(
    "/{chat_session_id}/messages/stream/",
    response_class=EventSourceResponse,
    responses=_STREAM_RESPONSES,
)
async def stream_message(
    request: Request, answer_id: StreamedAnswer, services: ServicesDep
) -> AsyncIterator[ServerSentEvent]:
    """Ask a question and stream the answer as server-sent events: `token`, then `done` or `error`."""
    async for event in with_failures(request, answer_events(services.answers, answer_id)):
        yield event


@router.get(
    "/{chat_session_id}/messages/{message_id}/stream/",
    response_class=EventSourceResponse,
    responses=stream_responses(AnswerEvent, MessageNotFound),
)
async def resume_message(
    request: Request,
    answer_id: KnownAnswer,
    services: ServicesDep,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """Stream an answer again, from its start or after the last event that the client has."""
    events = answer_events(services.answers, answer_id, after=int(last_event_id or 0))
    async for event in with_failures(request, events):
        yield event
