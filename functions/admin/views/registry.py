"""All views of the panel, in the order of its menu."""

from .accounts import AuthenticationView, FeedbackView, PlanView, SubscriptionView, UserView
from .analyses import CallView, PlatformView, PostView, RequestView
from .billing import DisputeView, PaymentView, RefundView
from .operations import AdminActionView, JobRunView, WebhookEventView
from .read_only_view import ReadOnlyView

VIEWS: tuple[type[ReadOnlyView], ...] = (
    RequestView,
    PostView,
    CallView,
    PlatformView,
    UserView,
    SubscriptionView,
    PlanView,
    AuthenticationView,
    FeedbackView,
    PaymentView,
    RefundView,
    DisputeView,
    WebhookEventView,
    JobRunView,
    AdminActionView,
)
