"""Views of operations: received webhooks, scheduled jobs, and what administrators did."""

from typing import Any, ClassVar

from whyviral.admin.models import ActionName, ActionOutcome, AdminAction
from whyviral.jobs.models import JobRun, JobState
from whyviral.webhooks.models import EventProvider, EventState, WebhookEvent

from .choices import choice
from .read_only_view import ReadOnlyView


class WebhookEventView(ReadOnlyView, model=WebhookEvent):
    """The inbox of webhooks, without their payloads."""

    category = "Operations"
    column_list: ClassVar[list[Any]] = [
        WebhookEvent.id, WebhookEvent.created_at, WebhookEvent.provider, WebhookEvent.type, WebhookEvent.state,
        WebhookEvent.attempts, WebhookEvent.error, WebhookEvent.subject_id,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [
        *column_list, WebhookEvent.event_id, WebhookEvent.occurred_at, WebhookEvent.processed_at,
        WebhookEvent.updated_at,
    ]  # fmt: skip
    column_searchable_list: ClassVar[list[Any]] = [WebhookEvent.event_id, WebhookEvent.type, WebhookEvent.subject_id]
    column_sortable_list: ClassVar[list[Any]] = [WebhookEvent.created_at, WebhookEvent.attempts]
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [
        choice(WebhookEvent.state, EventState),
        choice(WebhookEvent.provider, EventProvider),
    ]
    panel = "panels/event.html"


class JobRunView(ReadOnlyView, model=JobRun):
    """Runs of scheduled jobs."""

    category = "Operations"
    column_list: ClassVar[list[Any]] = [
        JobRun.id, JobRun.job, JobRun.due_at, JobRun.state, JobRun.attempts, JobRun.finished_at, JobRun.error
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [*column_list, JobRun.leased_until, JobRun.results, JobRun.created_at]
    column_searchable_list: ClassVar[list[Any]] = [JobRun.job]
    column_sortable_list: ClassVar[list[Any]] = [JobRun.due_at]
    column_default_sort: ClassVar[Any] = ("due_at", True)
    column_filters: ClassVar[list[Any]] = [choice(JobRun.state, JobState)]


class AdminActionView(ReadOnlyView, model=AdminAction):
    """What administrators did, and why."""

    name = "Action"
    category = "Operations"
    column_list: ClassVar[list[Any]] = [
        AdminAction.id, AdminAction.created_at, AdminAction.admin_id, AdminAction.action, AdminAction.target_type,
        AdminAction.target_id, AdminAction.outcome, AdminAction.reason,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [*column_list, AdminAction.details, AdminAction.updated_at]
    column_searchable_list: ClassVar[list[Any]] = [AdminAction.target_id, AdminAction.admin_id, AdminAction.reason]
    column_sortable_list: ClassVar[list[Any]] = [AdminAction.created_at]
    column_default_sort: ClassVar[Any] = ("created_at", True)
    column_filters: ClassVar[list[Any]] = [
        choice(AdminAction.action, ActionName),
        choice(AdminAction.outcome, ActionOutcome),
    ]
