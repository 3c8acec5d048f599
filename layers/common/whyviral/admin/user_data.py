"""All that is kept about one user: which rows are theirs in every table, and what a deletion does to them.

This is the only module that writes across domains for one user.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, delete, null, or_, select, update
from sqlalchemy.orm import Session

from whyviral.accounts import repository as account_repository
from whyviral.accounts import service as account_service
from whyviral.accounts.models import EmailVerification, Plan, RevokedSession, Subscription, User
from whyviral.analysis.models import (
    AnalysisRequestPost,
    AnalysisStatus,
    PostAnalysis,
    PostAnalysisRequest,
    RequestStatus,
)
from whyviral.analysis.orphaned import end_orphaned
from whyviral.analysis.pipeline import RequestJob
from whyviral.analysis.sharing.models import ShareLink
from whyviral.analysis.suggestions.models import Suggestion
from whyviral.analytics.authentications import Authentication, Caller, record_authentication
from whyviral.analytics.models import ApiAccessLog, AppLog, AuthenticationEvent, AuthenticationLog
from whyviral.billing.deletion import order_cancellation
from whyviral.billing.models import Credit, Dispute, Invoice, Payment, PaymentMethod, Refund
from whyviral.chat.models import ChatMessage, ChatMessageChunk, ChatSession
from whyviral.core.database import Base
from whyviral.feedback.models import Feedback
from whyviral.jobs.models import JobRun
from whyviral.notes.models import AnalysisNote
from whyviral.social.creator_baselines.models import CreatorBaselineRow
from whyviral.social.models import PlatformRow, Post, PostComments, PostMedia, UserPostActivity
from whyviral.throttling.models import IdempotencyKey, RateWindow
from whyviral.usage.models import UsageReservation, UserUsage
from whyviral.vendor_calls.models import DailySpend, ExternalApiCallLog, ProviderLimit
from whyviral.webhooks import inbox
from whyviral.webhooks.models import EventProvider, WebhookEvent
from whyviral.webhooks.outgoing.models import OutgoingDelivery, OutgoingEndpoint

from .models import AdminAction

_ERROR = "AccountDeleted"
_RUNNING = (RequestStatus.PENDING, RequestStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class Owner:
    """The ids under which rows name a user."""

    user_id: uuid.UUID
    clerk_user_id: str


class Deletion(Enum):
    """What the deletion of a user does to the rows that are theirs."""

    DELETED = auto()
    ERASED = auto()
    """The columns that say who the user is become null; the row stays."""
    RETAINED = auto()
    """The row stays as it is: it holds ids, counts and content of public posts, and no name or address."""


@dataclass(frozen=True, slots=True)
class UserRows:
    """The rows of one table that are about a user."""

    model: type[Base]
    belongs_to: Callable[[Owner], ColumnElement[bool]]
    deletion: Deletion
    erased: tuple[str, ...] = ()
    """The columns that an erasure sets to null."""
    hidden: tuple[str, ...] = ()
    """Columns that an export leaves out: they are keys of ours and say nothing about the user."""


def _by_user(model: Any) -> Callable[[Owner], ColumnElement[bool]]:
    return lambda owner: model.user_id == owner.user_id


def _requests_of(owner: Owner) -> Any:
    return select(PostAnalysisRequest.id).where(PostAnalysisRequest.user_id == owner.user_id)


def _by_request(column: Any) -> Callable[[Owner], ColumnElement[bool]]:
    return lambda owner: column.in_(_requests_of(owner))


def _is_of_analysis(owner: Owner) -> ColumnElement[bool]:
    analyses = select(PostAnalysis.id).where(PostAnalysis.request_id.in_(_requests_of(owner)))
    return Suggestion.post_analysis_id.in_(analyses)


def _chat_sessions_of(owner: Owner) -> Any:
    return select(ChatSession.id).where(ChatSession.user_id == owner.user_id)


_ADDRESSES = ("address", "user_agent")
_MIRROR_KEYS = ("provider_digest", "provider_fetched_at")


def _is_event_about(owner: Owner) -> ColumnElement[bool]:
    """Clerk's events name the user; Dodo's name the user's subscription, payment or customer."""
    of_clerk = (WebhookEvent.provider == EventProvider.CLERK) & (WebhookEvent.subject_id == owner.clerk_user_id)
    subscriptions = (
        select(column).where(Subscription.user_id == owner.user_id)
        for column in (Subscription.provider_subscription_id, Subscription.provider_customer_id)
    )
    payments = select(Payment.provider_payment_id).where(Payment.user_id == owner.user_id)
    subjects = or_(*(WebhookEvent.subject_id.in_(ids) for ids in (*subscriptions, payments)))
    return of_clerk | ((WebhookEvent.provider == EventProvider.DODO) & subjects)


USER_ROWS: tuple[UserRows, ...] = (
    UserRows(
        User,
        lambda owner: User.id == owner.user_id,
        Deletion.ERASED,
        erased=("email", "full_name", "company_name", "profile_image"),
    ),
    UserRows(
        Subscription,
        _by_user(Subscription),
        Deletion.RETAINED,
        hidden=("provider_digest", "provider_fetched_at", "checkout_session_id", "checkout_url"),
    ),
    UserRows(PaymentMethod, _by_user(PaymentMethod), Deletion.DELETED),
    UserRows(Payment, _by_user(Payment), Deletion.RETAINED, hidden=_MIRROR_KEYS),
    UserRows(Invoice, _by_user(Invoice), Deletion.RETAINED),
    UserRows(Refund, _by_user(Refund), Deletion.ERASED, erased=("reason",), hidden=_MIRROR_KEYS),
    UserRows(Dispute, _by_user(Dispute), Deletion.RETAINED, hidden=_MIRROR_KEYS),
    UserRows(Credit, _by_user(Credit), Deletion.RETAINED),
    UserRows(
        EmailVerification,
        lambda owner: EmailVerification.clerk_user_id == owner.clerk_user_id,
        Deletion.DELETED,
        hidden=("email_hash", "proven_code_hash", "verification_id"),
    ),
    UserRows(
        PostAnalysisRequest, _by_user(PostAnalysisRequest), Deletion.RETAINED, hidden=("execution_arn", "trace_id")
    ),
    UserRows(AnalysisRequestPost, _by_request(AnalysisRequestPost.request_id), Deletion.RETAINED),
    UserRows(PostAnalysis, _by_request(PostAnalysis.request_id), Deletion.RETAINED),
    UserRows(Suggestion, _is_of_analysis, Deletion.DELETED),
    UserRows(AnalysisStatus, _by_request(AnalysisStatus.request_id), Deletion.RETAINED),
    UserRows(ShareLink, _by_request(ShareLink.request_id), Deletion.DELETED, hidden=("token_sha256",)),
    UserRows(
        OutgoingDelivery,
        lambda owner: OutgoingDelivery.endpoint_id.in_(
            select(OutgoingEndpoint.id).where(OutgoingEndpoint.user_id == owner.user_id)
        ),
        Deletion.DELETED,
    ),
    UserRows(OutgoingEndpoint, _by_user(OutgoingEndpoint), Deletion.DELETED, hidden=("secret", "previous_secret")),
    UserRows(AnalysisNote, _by_user(AnalysisNote), Deletion.DELETED),
    UserRows(
        ChatMessageChunk,
        lambda owner: ChatMessageChunk.message_id.in_(
            select(ChatMessage.id).where(ChatMessage.session_id.in_(_chat_sessions_of(owner)))
        ),
        Deletion.DELETED,
    ),
    UserRows(
        ChatMessage,
        lambda owner: ChatMessage.session_id.in_(_chat_sessions_of(owner)),
        Deletion.DELETED,
        hidden=("lease_owner",),
    ),
    UserRows(ChatSession, _by_user(ChatSession), Deletion.DELETED),
    UserRows(UserPostActivity, _by_user(UserPostActivity), Deletion.DELETED),
    UserRows(UserUsage, _by_user(UserUsage), Deletion.RETAINED),
    UserRows(UsageReservation, _by_user(UsageReservation), Deletion.RETAINED),
    UserRows(Feedback, _by_user(Feedback), Deletion.DELETED),
    UserRows(IdempotencyKey, _by_user(IdempotencyKey), Deletion.DELETED, hidden=("fingerprint", "lease")),
    UserRows(RateWindow, lambda owner: RateWindow.subject == cast(owner.user_id, Text), Deletion.DELETED),
    UserRows(
        WebhookEvent,
        _is_event_about,
        Deletion.ERASED,
        erased=("payload",),
    ),
    UserRows(
        ExternalApiCallLog,
        lambda owner: or_(
            ExternalApiCallLog.user_id == owner.user_id,
            ExternalApiCallLog.analysis_request_id.in_(_requests_of(owner)),
        ),
        Deletion.RETAINED,
    ),
    UserRows(ApiAccessLog, _by_user(ApiAccessLog), Deletion.ERASED, erased=_ADDRESSES),
    UserRows(
        AuthenticationLog,
        _by_user(AuthenticationLog),
        Deletion.ERASED,
        erased=(*_ADDRESSES, "email_hash"),
        hidden=("email_hash",),
    ),
    UserRows(AppLog, _by_user(AppLog), Deletion.RETAINED),
    UserRows(AdminAction, lambda owner: AdminAction.admin_id == owner.user_id, Deletion.RETAINED),
)
"""In the order of a deletion and of an export."""

NOT_ABOUT_USERS: Mapping[type[Base], str] = {
    Plan: "what can be bought",
    PlatformRow: "the platforms",
    Post: "public posts, shared by all requests for them",
    PostMedia: "media of public posts",
    PostComments: "comments on public posts",
    CreatorBaselineRow: "counts of public posts by creator, shared by all requests",
    RevokedSession: "ids of sessions that ended, without their user",
    JobRun: "runs of scheduled jobs",
    ProviderLimit: "limits of our own keys at vendors",
    DailySpend: "sums of all users",
}
"""Tables whose rows name no user, and what they hold."""
_ERASED_ABOVE = (User, WebhookEvent)
"""Their own domains erase them."""


def delete_user(session: Session, clerk_user_id: str, *, now: datetime) -> uuid.UUID:
    """Delete or erase all that says who a user is, end their requests, and return the id that remaining rows keep.

    Repeating it changes nothing. A user who was never seen is recorded as deleted, so that late events about them do
    not create one.

    Args:
        session: the transaction.
        clerk_user_id: Clerk's id of the user.
        now: the time of the deletion.
    """
    known = account_repository.find_user(session, clerk_user_id)
    is_repeated = known is not None and known.deleted_at is not None
    # Events come first: a transaction that processes one locks it before it locks the user.
    inbox.erase(session, EventProvider.CLERK, clerk_user_id)
    if known is not None:
        order_cancellation(session, known.id, now=now)
        _end_requests(session, known.id, now=now)
    user_id = account_service.delete_user(session, clerk_user_id, now=now)
    owner = Owner(user_id, clerk_user_id)
    _erase_sign_in_attempts(session, owner)
    for rows in USER_ROWS:
        if rows.deletion is Deletion.DELETED:
            session.execute(delete(rows.model).where(rows.belongs_to(owner)))
        elif rows.deletion is Deletion.ERASED and rows.model not in _ERASED_ABOVE:
            session.execute(update(rows.model).where(rows.belongs_to(owner)).values(dict.fromkeys(rows.erased, null())))
    if not is_repeated:
        deleted = Authentication(AuthenticationEvent.ACCOUNT_DELETE, user_id=user_id)
        record_authentication(session, deleted, Caller())
    return user_id


def _end_requests(session: Session, user_id: uuid.UUID, *, now: datetime) -> None:
    """End the user's running requests; what their executions find out later is discarded."""
    running = select(PostAnalysisRequest.id, PostAnalysisRequest.attempt).where(
        PostAnalysisRequest.user_id == user_id, PostAnalysisRequest.status.in_(_RUNNING)
    )
    for request_id, attempt in session.execute(running.order_by(PostAnalysisRequest.id)).all():
        end_orphaned(session, RequestJob(request_id=request_id, attempt=attempt), error=_ERROR, now=now)


def _erase_sign_in_attempts(session: Session, owner: Owner) -> None:
    """Erase attempts to sign in with the user's e-mail address, which are recorded without a user's id."""
    hashes = select(AuthenticationLog.email_hash).where(
        AuthenticationLog.user_id == owner.user_id, AuthenticationLog.email_hash.is_not(None)
    )
    nothing = dict.fromkeys((*_ADDRESSES, "email_hash"), null())
    session.execute(update(AuthenticationLog).where(AuthenticationLog.email_hash.in_(hashes)).values(nothing))
