"""Views of billing: payments, which can be refunded, refunds and disputes."""

from typing import Any, ClassVar

from whyviral.billing.models import Dispute, Payment, PaymentStatus, Refund, RefundStatus

from .choices import choice
from .read_only_view import ReadOnlyView


class PaymentView(ReadOnlyView, model=Payment):
    """Payments as Dodo reported them."""

    category = "Billing"
    column_list: ClassVar[list[Any]] = [
        Payment.id, Payment.paid_at, Payment.user_id, Payment.status, Payment.amount_cents, Payment.refunded_cents,
        Payment.currency, Payment.provider_payment_id,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [
        *column_list, Payment.tax_cents, Payment.provider, Payment.provider_subscription_id, Payment.provider_status,
        Payment.charge_type, Payment.error_code, Payment.created_at, Payment.updated_at,
    ]  # fmt: skip
    column_searchable_list: ClassVar[list[Any]] = [
        Payment.provider_payment_id, Payment.provider_subscription_id, Payment.user_id
    ]  # fmt: skip
    column_sortable_list: ClassVar[list[Any]] = [Payment.paid_at, Payment.amount_cents]
    column_default_sort: ClassVar[Any] = ("paid_at", True)
    column_filters: ClassVar[list[Any]] = [choice(Payment.status, PaymentStatus)]
    panel = "panels/payment.html"


class RefundView(ReadOnlyView, model=Refund):
    """Refunds as Dodo reported them."""

    category = "Billing"
    column_list: ClassVar[list[Any]] = [
        Refund.id, Refund.refunded_at, Refund.user_id, Refund.payment_id, Refund.status, Refund.amount_cents,
        Refund.currency, Refund.reason,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [*column_list, Refund.provider_refund_id, Refund.created_at]
    column_searchable_list: ClassVar[list[Any]] = [Refund.provider_refund_id, Refund.user_id, Refund.payment_id]
    column_sortable_list: ClassVar[list[Any]] = [Refund.refunded_at, Refund.amount_cents]
    column_default_sort: ClassVar[Any] = ("refunded_at", True)
    column_filters: ClassVar[list[Any]] = [choice(Refund.status, RefundStatus)]


class DisputeView(ReadOnlyView, model=Dispute):
    """Disputes as Dodo reported them."""

    category = "Billing"
    column_list: ClassVar[list[Any]] = [
        Dispute.id, Dispute.disputed_at, Dispute.user_id, Dispute.payment_id, Dispute.status, Dispute.stage,
        Dispute.amount_cents, Dispute.currency,
    ]  # fmt: skip
    column_details_list: ClassVar[list[Any]] = [*column_list, Dispute.provider_dispute_id, Dispute.created_at]
    column_searchable_list: ClassVar[list[Any]] = [Dispute.provider_dispute_id, Dispute.user_id]
    column_sortable_list: ClassVar[list[Any]] = [Dispute.disputed_at]
    column_default_sort: ClassVar[Any] = ("disputed_at", True)
