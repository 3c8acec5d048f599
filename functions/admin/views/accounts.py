"""Views of accounts: users, plans, subscriptions, the authentication log and feedback."""

from typing import Any, ClassVar

from anyio import to_thread
from sqladmin.filters import BooleanFilter
from starlette.requests import Request

from functions.admin.services import services_of
from whyviral.accounts.models import BillingProvider, Plan, Subscription, SubscriptionStatus, User
from whyviral.admin.user_details import UserDetails, get_details
from whyviral.analytics.models import AuthenticationEvent, AuthenticationLog, AuthenticationOutcome
from whyviral.core.database import reading_session
from whyviral.feedback.models import Feedback, FeedbackCategory

from .choices import choice
from .read_only_view import ReadOnlyView


class UserView(ReadOnlyView, model=User):
    """All users, deleted ones included."""

    category = "Accounts"
    column_list: ClassVar[list[Any]] = [
        User.id, User.email, User.full_name, User.is_admin, User.email_verified, User.created_at, User.deleted_at
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [
        User.id, User.clerk_user_id, User.email, User.email_verified, User.phone_or_wallet_verified, User.full_name,
        User.company_name, User.is_admin, User.created_at, User.updated_at, User.deleted_at,
    ]  # fmt: skip
    column_searchable_list: ClassVar[list[Any]] = [User.id, User.clerk_user_id, User.email, User.full_name]
    column_sortable_list: ClassVar[list[Any]] = [User.created_at, User.email]
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [BooleanFilter(User.is_admin), BooleanFilter(User.email_verified)]
    panel = "panels/user.html"

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Add the user's subscriptions and newest requests, and the plans to choose from."""
        return {"user": await to_thread.run_sync(self._details, request)}

    def _details(self, request: Request) -> UserDetails:
        user_id = self.row_id(request)
        with reading_session(services_of(request).engine) as session:
            return get_details(session, user_id)


class PlanView(ReadOnlyView, model=Plan):
    """The plans and their limits."""

    category = "Accounts"
    column_list: ClassVar[list[Any]] = [
        Plan.id, Plan.slug, Plan.name, Plan.price_cents, Plan.max_urls, Plan.max_handles, Plan.max_analyses_per_day,
        Plan.max_questions_per_day, Plan.is_active,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [*column_list, Plan.interval, Plan.provider_product_id, Plan.created_at]
    column_default_sort: ClassVar[Any] = "price_cents"


class SubscriptionView(ReadOnlyView, model=Subscription):
    """All subscriptions, current and past."""

    category = "Accounts"
    column_list: ClassVar[list[Any]] = [
        Subscription.id, Subscription.user_id, Subscription.plan_id, Subscription.status, Subscription.provider,
        Subscription.provider_status, Subscription.current_period_end, Subscription.created_at,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [
        *column_list, Subscription.provider_customer_id, Subscription.provider_subscription_id,
        Subscription.current_period_start, Subscription.downgrade_to_plan_id, Subscription.downgrade_at,
        Subscription.cancel_at_period_end, Subscription.is_trial, Subscription.past_due_until,
        Subscription.change_to_plan_id, Subscription.change_requested_at, Subscription.cancel_requested_at,
        Subscription.updated_at,
    ]  # fmt: skip
    column_searchable_list: ClassVar[list[Any]] = [
        Subscription.user_id, Subscription.provider_subscription_id, Subscription.provider_customer_id
    ]  # fmt: skip
    column_sortable_list: ClassVar[list[Any]] = [Subscription.created_at, Subscription.current_period_end]
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [
        choice(Subscription.status, SubscriptionStatus),
        choice(Subscription.provider, BillingProvider),
    ]


class AuthenticationView(ReadOnlyView, model=AuthenticationLog):
    """Sign-ups, sign-ins and sign-outs, failed attempts included."""

    category = "Accounts"
    name_plural = "Authentications"
    column_list: ClassVar[list[Any]] = [
        AuthenticationLog.id, AuthenticationLog.created_at, AuthenticationLog.event, AuthenticationLog.outcome,
        AuthenticationLog.reason, AuthenticationLog.user_id, AuthenticationLog.address,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [
        *column_list, AuthenticationLog.actor, AuthenticationLog.user_agent, AuthenticationLog.request_id
    ]  # fmt: skip
    column_searchable_list: ClassVar[list[Any]] = [
        AuthenticationLog.user_id, AuthenticationLog.address, AuthenticationLog.request_id
    ]  # fmt: skip
    column_sortable_list: ClassVar[list[Any]] = [AuthenticationLog.created_at]
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [
        choice(AuthenticationLog.event, AuthenticationEvent),
        choice(AuthenticationLog.outcome, AuthenticationOutcome),
    ]


class FeedbackView(ReadOnlyView, model=Feedback):
    """What users say about the product."""

    category = "Accounts"
    name_plural = "Feedback"
    column_list: ClassVar[list[Any]] = [
        Feedback.id, Feedback.created_at, Feedback.category, Feedback.text, Feedback.user_id
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = column_list
    column_searchable_list: ClassVar[list[Any]] = [Feedback.text, Feedback.user_id]
    column_sortable_list: ClassVar[list[Any]] = [Feedback.created_at]
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [choice(Feedback.category, FeedbackCategory)]
