"""Questions as dependencies of the routes that send them: every refusal is raised before a stream starts.

These dependencies hold no connection after they return. A dependency on a session would hold one until the last byte of
a stream.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from functions.api.authentication import documented_scheme
from functions.api.dependencies import ServicesDep, caller_of, services_of
from functions.api.idempotent_call import IdempotencyKey, call_of
from whyviral.accounts.models import User
from whyviral.accounts.sessions import get_session_user
from whyviral.chat import question_call
from whyviral.chat.admission import AdmittedQuestion
from whyviral.chat.repository import session_queries
from whyviral.chat.schemas import QuestionBody
from whyviral.chat.service import MessageNotFound
from whyviral.chat.timings import Timings
from whyviral.integrations.ports.chat_model import ChatRole

type Token = Annotated[Any, Depends(documented_scheme)]


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
        def admit(session: Session) -> AdmittedQuestion | uuid.UUID:
            user = _user(request, session)
            call = call_of(request, session, user, idempotency_key, services.clock)
            return question_call.admit_once(
                call, chat_session_id, body, lease=services.answers.timings.lease, budgets=services
            )

        admitted = await services.transactions.run(admit)
        if isinstance(admitted, uuid.UUID):
            return admitted
        services.answers.start(admitted, max_s=max_s(services.answers.timings))
        return admitted.answer_id

    return ask


type WaitedAnswer = Annotated[uuid.UUID, Depends(asks_for(lambda timings: timings.max_wait_s))]
type StreamedAnswer = Annotated[uuid.UUID, Depends(asks_for(lambda timings: timings.max_stream_s))]


def _user(request: Request, session: Session) -> User:
    services = services_of(request)
    user = get_session_user(session, request.state.claims, clerk=services.clerk, caller=caller_of(request))
    request.state.user_id = user.id  # for the access log
    return user


async def find_known_answer(
    request: Request, chat_session_id: uuid.UUID, message_id: uuid.UUID, services: ServicesDep, _token: Token
) -> uuid.UUID:
    """Return the id of an answer of the caller.

    Raises:
        MessageNotFound: the caller's session has no such answer.
    """

    def find(session: Session) -> None:
        user = _user(request, session)
        message = session_queries.find_message(session, user.id, chat_session_id, message_id)
        if message is None or message.role != ChatRole.ASSISTANT:
            raise MessageNotFound(message_id)

    await services.transactions.run(find)
    return message_id


type KnownAnswer = Annotated[uuid.UUID, Depends(find_known_answer)]
