"""Questions as dependencies of the routes that send them: every refusal is raised before a stream starts.

These dependencies hold no connection after they return. A dependency on a session would hold one until the last byte of
a stream.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from functions.api.authentication import documented_scheme
from functions.api.dependencies import Services, ServicesDep, caller_of
from functions.api.idempotent_call import IdempotencyKey, IdempotentCall, Replayed
from functions.api.routers.analysis import budget_check
from whyviral.accounts.sessions import get_session_user
from whyviral.chat.admission import CHAT_RATE, AdmittedQuestion, admit_question, find_answer
from whyviral.chat.repository import session_queries
from whyviral.chat.schemas import QuestionBody
from whyviral.chat.service import MessageNotFound
from whyviral.chat.timings import Timings
from whyviral.integrations.ports.chat_model import ChatRole

type Token = Annotated[Any, Depends(documented_scheme)]


class AcceptedQuestion(BaseModel):
    """What an idempotency key stores: the answer that a repeated call reads again."""

    answer_id: uuid.UUID


class AlreadyAsked(Exception):
    """The client sent this question before; its answer is read again."""

    def __init__(self, answer_id: uuid.UUID) -> None:
        super().__init__("already asked")
        self.answer_id = answer_id


def asks_for(max_s: Callable[[Timings], float]) -> Callable[..., Awaitable[uuid.UUID]]:
    """Return the dependency that admits a question, starts its answer, and returns the answer's id.

    Args:
        max_s: chooses when the answer is cut.
    """

    async def ask(
        request: Request,
        body: QuestionBody,
        chat_session_id: uuid.UUID,
        services: ServicesDep,
        _token: Token,
        idempotency_key: IdempotencyKey = None,
    ) -> uuid.UUID:
        asked = _Question(request, services, chat_session_id, body, idempotency_key)
        admitted = await services.transactions.run(asked.admit)
        if isinstance(admitted, uuid.UUID):
            return admitted
        services.answers.start(admitted, max_s=max_s(services.answers.timings))
        return admitted.answer_id

    return ask


type WaitedAnswer = Annotated[uuid.UUID, Depends(asks_for(lambda timings: timings.max_wait_s))]
type StreamedAnswer = Annotated[uuid.UUID, Depends(asks_for(lambda timings: timings.max_stream_s))]


class _Question:
    """One call that sends a question."""

    def __init__(
        self, request: Request, services: Services, chat_session_id: uuid.UUID, body: QuestionBody, key: str | None
    ) -> None:
        self._request = request
        self._services = services
        self._chat_session_id = chat_session_id
        self._body = body
        self._key = key

    def admit(self, session: Session) -> AdmittedQuestion | uuid.UUID:
        """Return the admitted question, or the id of its answer if it was sent before."""
        services = self._services
        user = get_session_user(
            session, self._request.state.claims, clerk=services.clerk, caller=caller_of(self._request)
        )
        self._request.state.user_id = user.id  # for the access log
        call = IdempotentCall(self._request, session, user, self._key, services.clock)
        try:
            with call.run_once(self._body, rate=CHAT_RATE, check=lambda session: self._check(session, call)) as once:
                admitted = admit_question(
                    session,
                    user.id,
                    self._chat_session_id,
                    content=self._body.content,
                    client_message_id=self._body.client_message_id,
                    lease=services.answers.timings.lease,
                    now=services.clock(),
                )
                answer_id = admitted.answer_id if isinstance(admitted, AdmittedQuestion) else admitted.id
                once.answer(AcceptedQuestion(answer_id=answer_id), status_code=201)
        except Replayed as replayed:
            return AcceptedQuestion.model_validate_json(replayed.answer.body).answer_id
        except AlreadyAsked as asked:
            return asked.answer_id
        return admitted if isinstance(admitted, AdmittedQuestion) else admitted.id

    def _check(self, session: Session, call: IdempotentCall) -> None:
        if (client_message_id := self._body.client_message_id) is not None:
            answer = find_answer(
                session,
                call.user.id,
                self._chat_session_id,
                client_message_id=client_message_id,
                content=self._body.content,
            )
            if answer is not None:
                raise AlreadyAsked(answer.id)
        budget_check(call, self._services)(session)


async def find_known_answer(
    request: Request, chat_session_id: uuid.UUID, message_id: uuid.UUID, services: ServicesDep, _token: Token
) -> uuid.UUID:
    """Return the id of an answer of the caller.

    Raises:
        MessageNotFound: the caller's session has no such answer.
    """

    def find(session: Session) -> None:
        user = get_session_user(session, request.state.claims, clerk=services.clerk, caller=caller_of(request))
        request.state.user_id = user.id  # for the access log
        message = session_queries.find_message(session, user.id, chat_session_id, message_id)
        if message is None or message.role != ChatRole.ASSISTANT:
            raise MessageNotFound(message_id)

    await services.transactions.run(find)
    return message_id


type KnownAnswer = Annotated[uuid.UUID, Depends(find_known_answer)]
