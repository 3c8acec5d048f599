"""The call that sends a question: rate-limited, counted, and answered once however often it is repeated."""

import uuid
from datetime import timedelta

from pydantic import BaseModel
from sqlalchemy.orm import Session

from whyviral.analysis.user_requests.intake import Budgets, budget_check
from whyviral.throttling.idempotent_call import IdempotentCall, Replayed

from .admission import CHAT_RATE, AdmittedQuestion, ChatBusy, admit_question, find_answer
from .answers import Answers
from .models import MessageStatus
from .schemas import MessageOut, QuestionBody
from .service import MessageNotFound, failure_of, message_out

_WAITING_TOLERANCE_S = 2.0
"""For saving an answer that is cut."""


class AcceptedQuestion(BaseModel):
    """What an idempotency key stores: the answer that a repeated call reads again."""

    answer_id: uuid.UUID


class AlreadyAsked(Exception):
    """The client sent this question before; its answer is read again."""

    def __init__(self, answer_id: uuid.UUID) -> None:
        super().__init__("already asked")
        self.answer_id = answer_id


def admit_once(
    call: IdempotentCall, chat_session_id: uuid.UUID, body: QuestionBody, *, lease: timedelta, budgets: Budgets
) -> AdmittedQuestion | uuid.UUID:
    """Return the admitted question, or the id of its answer if it was sent before."""

    def check(session: Session) -> None:
        _raise_if_asked(session, call, chat_session_id, body)
        budget_check(call.user_id, budgets, now=call.clock())(session)

    try:
        with call.run_once(body, rate=CHAT_RATE, check=check) as once:
            admitted = admit_question(
                once.session,
                call.user_id,
                chat_session_id,
                content=body.content,
                client_message_id=body.client_message_id,
                lease=lease,
                now=call.clock(),
            )
            answer_id = admitted.answer_id if isinstance(admitted, AdmittedQuestion) else admitted.id
            once.answer(AcceptedQuestion(answer_id=answer_id), status_code=201)
    except Replayed as replayed:
        return AcceptedQuestion.model_validate_json(replayed.answer.body).answer_id
    except AlreadyAsked as asked:
        return asked.answer_id
    return admitted if isinstance(admitted, AdmittedQuestion) else admitted.id


async def wait_for_answer(answers: Answers, answer_id: uuid.UUID) -> MessageOut:
    """Return the answer to a question once it has ended, or has been cut.

    Raises:
        MessageNotFound: the answer was deleted meanwhile.
        ChatBusy: another process is still writing it.
        AnswerFailed: the model gave no answer, or it broke off.
    """
    message = await answers.wait(answer_id, timeout_s=answers.timings.max_wait_s + _WAITING_TOLERANCE_S)
    if message is None:
        raise MessageNotFound(answer_id)
    if message.status == MessageStatus.GENERATING:
        raise ChatBusy
    if message.status == MessageStatus.FAILED:
        raise failure_of(message)
    return message_out(message)


def _raise_if_asked(session: Session, call: IdempotentCall, chat_session_id: uuid.UUID, body: QuestionBody) -> None:
    if body.client_message_id is None:
        return
    answer = find_answer(
        session, call.user_id, chat_session_id, client_message_id=body.client_message_id, content=body.content
    )
    if answer is not None:
        raise AlreadyAsked(answer.id)
