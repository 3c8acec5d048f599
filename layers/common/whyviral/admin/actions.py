"""The actions of administrators that need no vendor's answer; each is recorded in the transaction of its change."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, select

from whyviral.accounts import repository as account_repository
from whyviral.accounts.models import CURRENT_STATUSES, Subscription, User
from whyviral.analysis.admission import check_daily_budget
from whyviral.analysis.models import PostAnalysisRequest
from whyviral.analysis.retry import retry
from whyviral.analytics.events import Event, record_events
from whyviral.analytics.models import EventCategory
from whyviral.billing import repository as billing_repository
from whyviral.core.errors import AppError
from whyviral.core.telemetry.trace import new_trace_id
from whyviral.integrations.aws.event_queue import EventQueue
from whyviral.integrations.aws.step_functions import Workflow
from whyviral.integrations.errors import ProviderError
from whyviral.social.models import PlatformRow
from whyviral.webhooks import inbox
from whyviral.webhooks.inbox import EventNotFound

from .audit import Intent, TargetNotFound, audited, finish, record
from .models import ActionOutcome


class EventAlreadyProcessed(AppError):
    """The event was processed, or is of a type that is ignored."""

    status_code = 409
    code = "event_already_processed"

    def __init__(self) -> None:
        super().__init__("This event was processed already, or is ignored; there is nothing to requeue.")


class PlatformUnchanged(AppError):
    """The platform has the wanted state already."""

    status_code = 409
    code = "platform_unchanged"

    def __init__(self, slug: str, *, is_active: bool) -> None:
        super().__init__(f"The platform {slug} is {'on' if is_active else 'off'} already.")


class UserDeleted(AppError):
    """The account was deleted."""

    status_code = 409
    code = "user_deleted"

    def __init__(self) -> None:
        super().__init__("This account was deleted; its plan cannot change.")


class UnknownPlan(AppError):
    """There is no such plan, or it is not on sale."""

    status_code = 422
    code = "unknown_plan"

    def __init__(self) -> None:
        super().__init__("Choose one of the plans on sale.")


class PlanUnchanged(AppError):
    """The user is on this plan already."""

    status_code = 409
    code = "plan_unchanged"

    def __init__(self, name: str) -> None:
        super().__init__(f"The user is on the {name} plan already.")


class LiveSubscription(AppError):
    """The user has a subscription at the payment provider, which decides about the plan."""

    status_code = 409
    code = "live_subscription"

    def __init__(self) -> None:
        super().__init__("This user pays for a subscription at Dodo. Change or end it there; the plan follows.")


def requeue_event(engine: Engine, queue: EventQueue, intent: Intent, *, now: datetime) -> None:
    """Queue an unprocessed event of the inbox again.

    Raises:
        TargetNotFound: there is no such event.
        EventAlreadyProcessed: there is nothing left to process.
        ProviderError: the queue cannot be reached; requeue it again.
    """
    with audited(engine, intent) as session:
        try:
            is_unprocessed = inbox.requeue(session, intent.target_id, now=now)
        except EventNotFound:
            raise TargetNotFound(intent.target_type) from None
        if not is_unprocessed:
            raise EventAlreadyProcessed
        action = record(session, intent, ActionOutcome.STARTED)
    try:
        queue.send(intent.target_id)
    except ProviderError as exc:
        finish(engine, action.id, ActionOutcome.FAILED, provider=exc.provider)
        raise
    finish(engine, action.id, ActionOutcome.SUCCEEDED)


def retry_request(
    engine: Engine, workflow: Workflow, intent: Intent, *, max_usd_per_day: Decimal, free_share: Decimal, now: datetime
) -> bool:
    """Retry an ended request for its user, by the same rules as if the user did; return whether it was started.

    A request that could not be started is started by the sweeper.

    Raises:
        TargetNotFound: there is no such request, or its user deleted it.
        AppError: a rule of retries refuses it.
    """
    with audited(engine, intent) as session:
        is_wanted = (PostAnalysisRequest.id == intent.target_id) & PostAnalysisRequest.deleted_at.is_(None)
        user_id = session.scalar(select(PostAnalysisRequest.user_id).where(is_wanted))
        if user_id is None:
            raise TargetNotFound(intent.target_type)
        check_daily_budget(user_id, session, max_usd_per_day=max_usd_per_day, free_share=free_share, now=now)
        request = retry(session, user_id, intent.target_id, execution_arn_of=workflow.execution_arn, now=now)
        record(session, intent, attempt=request.attempt)
    try:
        workflow.start(request.id, request.attempt, trace_id=request.trace_id or new_trace_id())
    except ProviderError:
        return False
    return True


def switch_platform(engine: Engine, intent: Intent, *, is_active: bool) -> None:
    """Switch a platform on, or off, so that no new posts of it are accepted.

    Raises:
        TargetNotFound: there is no such platform.
        PlatformUnchanged: it has that state already.
    """
    with audited(engine, intent) as session:
        platform = session.get(PlatformRow, intent.target_id, with_for_update=True)
        if platform is None:
            raise TargetNotFound(intent.target_type)
        if platform.is_active == is_active:
            raise PlatformUnchanged(platform.slug, is_active=is_active)
        platform.is_active = is_active
        record(session, intent, platform=platform.slug, is_active=is_active)


def change_plan(engine: Engine, intent: Intent, *, plan_slug: str) -> None:
    """Give a user without a live subscription at the payment provider another plan, until it is changed again.

    Raises:
        TargetNotFound: there is no such user.
        UserDeleted: the account was deleted.
        LiveSubscription: the payment provider decides about the plan.
        UnknownPlan: there is no such plan on sale.
        PlanUnchanged: the user is on this plan already.
    """
    with audited(engine, intent) as session:
        if session.get(User, intent.target_id) is None:
            raise TargetNotFound(intent.target_type)
        user = billing_repository.lock_user(session, intent.target_id)
        if user.deleted_at is not None:
            raise UserDeleted
        subscriptions = billing_repository.list_subscriptions(session, user.id)
        if any(map(_is_live, subscriptions)):
            raise LiveSubscription
        # Postgres stores no NUL, so no plan has one.
        plan = None if "\0" in plan_slug else billing_repository.find_plan(session, plan_slug)
        if plan is None or not plan.is_active:
            raise UnknownPlan
        current = next((row for row in subscriptions if row.status in CURRENT_STATUSES), None)
        if current is None:
            account_repository.insert_subscription(session, user.id, plan_slug=plan.slug)
        elif current.plan_id == plan.id:
            raise PlanUnchanged(plan.name)
        else:
            current.plan_id = plan.id
        change: dict[str, Any] = {"from": None if current is None else current.plan.slug, "to": plan.slug}
        record_events(session, Event(EventCategory.BILLING, "plan_changed", user.id, details=change))
        record(session, intent, **change)


def _is_live(subscription: Subscription) -> bool:
    """Whether the provider may still charge for a subscription, or it still grants its plan."""
    if subscription.provider is None:
        return False
    is_at_provider = subscription.provider_status not in (None, *billing_repository.ENDED_AT_PROVIDER)
    return is_at_provider or subscription.status in CURRENT_STATUSES
