"""Admits a question: checks and counts it, and saves it with the empty answer that is about to be written."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError
from whyviral.integrations.ports.chat_model import ChatRole
from whyviral.social.models import PostActivity
from whyviral.social.repository import record_activity
from whyviral.throttling.rate_limits import RatePolicy
from whyviral.usage.questions import count_question

from .context.conversation import MAX_EARLIER_MESSAGES, PROMPT_VERSION, Context, EarlierMessage, build_context
from .context.subject_data import SubjectData, build_subject_data
from .message_budget import MessageBudget
from .models import ChatMessage, MessageStatus
from .orphaned import end_expired
from .repository import session_queries
from .service import AnalysisNotReady, SessionNotFound

CHAT_RATE = RatePolicy("chat", limit=100, window=timedelta(hours=1))
"""The limit of questions per user."""
_UNSET: dict[str, Any] = {
    **dict.fromkeys(("client_message_id", "finished_at", "prompt_version", "platform", "usage_date")),
    **dict.fromkeys(("lease_owner", "lease_until")),
    "content": "",
    "is_counted": False,
}
"""The columns that only a question, or only an answer, has; both are inserted by one statement."""


class ChatBusy(AppError):
    """The session is still answering the question before."""

    status_code = 409
    code = "chat_busy"
    has_retry_after = True

    def __init__(self) -> None:
        super().__init__(
            "The last question is still being answered. Read that answer to its end, then ask again.", retry_after_s=2
        )


class ClientMessageIdReused(AppError):
    """The client_message_id was already sent with a different question."""

    status_code = 422
    code = "client_message_id_reused"

    def __init__(self) -> None:
        super().__init__("This client_message_id was sent with a different question. Use a new id for a new question.")


@dataclass(frozen=True, slots=True)
class AdmittedQuestion:
    """A question that is saved and counted, with everything that its answer needs."""

    answer_id: uuid.UUID
    budget: MessageBudget
    context: Context
    data: SubjectData
    post_id: uuid.UUID
    post_url: str


def find_answer(
    session: Session, user_id: uuid.UUID, chat_session_id: uuid.UUID, *, client_message_id: str, content: str
) -> ChatMessage | None:
    """Return the answer to a question that was sent before with this id of the client; None if it is new.

    Raises:
        ClientMessageIdReused: the id was sent with another question.
    """
    found = session_queries.find_question(session, user_id, chat_session_id, client_message_id)
    if found is None:
        return None
    question, answer = found
    if question.content != content:
        raise ClientMessageIdReused
    return answer


def admit_question(
    session: Session,
    user_id: uuid.UUID,
    chat_session_id: uuid.UUID,
    *,
    content: str,
    client_message_id: str | None,
    lease: timedelta,
    now: datetime,
) -> AdmittedQuestion | ChatMessage:
    """Save a question with its unwritten answer, and count it; return the answer of one that was sent before.

    The lock of the session's row makes calls of one session wait for each other. If this raises, the caller must roll
    back the transaction.

    Raises:
        SessionNotFound: the session does not exist or is not the user's.
        AnalysisNotReady: the analysis is being made again.
        ClientMessageIdReused: the id was sent with another question.
        ChatBusy: the question before is still being answered.
        QuestionLimitReached: the plan does not allow another question today.
        NoCurrentPlan: the user has no plan.
    """
    subject = session_queries.lock_subject(session, user_id, chat_session_id)
    if subject is None:
        raise SessionNotFound(chat_session_id)
    if not subject.has_ended:
        raise AnalysisNotReady
    latest = session_queries.list_latest_messages(session, chat_session_id, limit=MAX_EARLIER_MESSAGES)
    if client_message_id is not None:
        known = _find_in(latest, client_message_id, content)
        if known is not None:  # sent twice at the same moment
            return known
    _require_idle(session, latest, now=now)
    platform = subject.post.platform
    answer_id, lease_owner = uuid.uuid4(), uuid.uuid4()
    question = _UNSET | {
        "id": uuid.uuid4(),
        "role": ChatRole.USER,
        "status": MessageStatus.COMPLETE,
        "content": content,
        "client_message_id": client_message_id,
        "finished_at": now,
    }
    answer = _UNSET | {
        "id": answer_id,
        "role": ChatRole.ASSISTANT,
        "status": MessageStatus.GENERATING,
        "prompt_version": PROMPT_VERSION,
        "platform": platform,
        "usage_date": count_question(session, user_id, platform, now=now),
        "is_counted": True,
        "lease_owner": lease_owner,
        "lease_until": now + lease,
    }
    session_queries.insert_messages(session, subject.chat, [question, answer], now=now)
    record_activity(session, user_id, [subject.post.id], PostActivity.CHATTED)
    data = build_subject_data(subject.analysis, subject.post, subject.comments)
    return AdmittedQuestion(
        answer_id=answer_id,
        budget=MessageBudget(answer_id, lease_owner, user_id),
        context=build_context(data, _earlier(latest), content, user_ref=_user_ref(user_id)),
        data=data,
        post_id=subject.post.id,
        post_url=subject.post.url,
    )


def _find_in(latest: Sequence[ChatMessage], client_message_id: str, content: str) -> ChatMessage | None:
    for answer, question in pairwise(latest):
        if question.client_message_id == client_message_id:
            if question.content != content:
                raise ClientMessageIdReused
            return answer
    return None


def _require_idle(session: Session, latest: Sequence[ChatMessage], *, now: datetime) -> None:
    """End the last answer if its lease has run out."""
    if not latest or latest[0].status != MessageStatus.GENERATING:
        return
    if not end_expired(session, now=now, limit=1, message_id=latest[0].id):
        raise ChatBusy


def _earlier(latest: Sequence[ChatMessage]) -> list[EarlierMessage]:
    return [EarlierMessage(message.seq, ChatRole(message.role), message.content) for message in latest]


def _user_ref(user_id: uuid.UUID) -> str:
    """Return a name of the user that a vendor can report, and that reveals nothing."""
    return hashlib.sha256(f"chat:{user_id}".encode()).hexdigest()[:32]
