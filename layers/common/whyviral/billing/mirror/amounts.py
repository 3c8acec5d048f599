"""The amounts that we compute ourselves: what was refunded of a payment, and the payment's status after it.

All other amounts are the provider's own numbers. Everything is a whole number of cents.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from whyviral.billing.models import PaymentStatus
from whyviral.integrations.dodo.documents import PaymentState


class InconsistentAmounts(Exception):
    """The provider reported amounts that cannot be true, such as a tax above the total."""


@dataclass(frozen=True, slots=True)
class PaymentAmounts:
    """A payment split into what is kept and what went back."""

    total_cents: int
    tax_cents: int
    refunded_cents: int

    @property
    def net_cents(self) -> int:
        """What remains after refunds; never negative."""
        return self.total_cents - self.refunded_cents


def amounts_of(total_cents: int, tax_cents: int, refunds_cents: Iterable[int]) -> PaymentAmounts:
    """Return a payment's amounts; refunds never add up to more than the payment.

    Args:
        total_cents: the charge including tax.
        tax_cents: the tax in it.
        refunds_cents: the refunds that succeeded.

    Raises:
        InconsistentAmounts: an amount is negative, or the tax is above the total.
    """
    refunds = list(refunds_cents)
    if not 0 <= tax_cents <= total_cents or any(refund < 0 for refund in refunds):
        raise InconsistentAmounts(f"a total of {total_cents} cents with {tax_cents} cents of tax")
    return PaymentAmounts(total_cents, tax_cents, min(total_cents, sum(refunds)))


_STATUSES = {
    PaymentState.SUCCEEDED: PaymentStatus.SUCCEEDED,
    PaymentState.FAILED: PaymentStatus.FAILED,
    PaymentState.CANCELLED: PaymentStatus.CANCELED,
    PaymentState.PROCESSING: PaymentStatus.PROCESSING,
    PaymentState.REQUIRES_CAPTURE: PaymentStatus.PROCESSING,
    PaymentState.PARTIALLY_CAPTURED: PaymentStatus.PROCESSING,
    PaymentState.PARTIALLY_CAPTURED_AND_CAPTURABLE: PaymentStatus.PROCESSING,
}


def payment_status_of(provider_status: str | None, amounts: PaymentAmounts) -> PaymentStatus:
    """Return our status of a payment; one that waits for the customer, or has an unknown status, is PENDING."""
    status = next((ours for theirs, ours in _STATUSES.items() if theirs == provider_status), PaymentStatus.PENDING)
    is_refunded = status is PaymentStatus.SUCCEEDED and 0 < amounts.total_cents == amounts.refunded_cents
    return PaymentStatus.REFUNDED if is_refunded else status
