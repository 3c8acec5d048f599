"""Why a change of a subscription is refused; each refusal says what to do instead."""

from whyviral.core.errors import AppError


class PlanNotFound(AppError):
    """There is no such plan, or it is not on sale."""

    status_code = 404
    code = "plan_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such plan on sale. GET /api/accounts/plans/ lists the plans.")


class AlreadyOnPlan(AppError):
    """The user is on this plan already."""

    status_code = 409
    code = "already_on_plan"

    def __init__(self, plan_name: str) -> None:
        super().__init__(f"You are on the {plan_name} plan already. To drop a scheduled change, undo it.")


class AlreadySubscribed(AppError):
    """The user pays for another plan already, which is to be changed and not bought twice."""

    status_code = 409
    code = "already_subscribed"

    def __init__(self, plan_name: str) -> None:
        super().__init__(f"You pay for the {plan_name} plan. Change it with upgrade/ instead of subscribing again.")


class NoPaidSubscription(AppError):
    """The user pays for no plan, so there is nothing to change."""

    status_code = 409
    code = "no_paid_subscription"

    def __init__(self) -> None:
        super().__init__("You have no paid subscription that renews. Choose a plan with subscribe/.")


class PaymentOnHold(AppError):
    """A payment is overdue, or the subscription is paused."""

    status_code = 409
    code = "payment_on_hold"

    def __init__(self) -> None:
        super().__init__("A payment of your subscription is overdue or paused. Settle it in the billing portal first.")


class SubscriptionEnding(AppError):
    """The subscription was canceled and ends with its period."""

    status_code = 409
    code = "subscription_canceling"

    def __init__(self) -> None:
        super().__init__("Your subscription ends with its period. Undo the cancellation first.")


class NothingToCancel(AppError):
    """The user has no paid subscription."""

    status_code = 409
    code = "nothing_to_cancel"

    def __init__(self) -> None:
        super().__init__("You have no paid subscription to cancel.")


class NothingToUndo(AppError):
    """Neither a cancellation nor a downgrade is scheduled."""

    status_code = 409
    code = "nothing_to_undo"

    def __init__(self) -> None:
        super().__init__("No cancellation and no downgrade is scheduled. An ended subscription is bought again.")


class CheckoutInProgress(AppError):
    """A checkout for this plan is being created by another call."""

    status_code = 409
    code = "checkout_in_progress"
    has_retry_after = True

    def __init__(self) -> None:
        super().__init__("Your checkout is being created. Try again in a moment.", retry_after_s=2)


class PlanChangeInProgress(AppError):
    """Another change of the plan waits for its payment."""

    status_code = 409
    code = "plan_change_in_progress"
    has_retry_after = True

    def __init__(self) -> None:
        super().__init__("Another change of your plan is being paid. Try again when it is done.", retry_after_s=30)


class EmailNeeded(AppError):
    """The account has no e-mail address, to which receipts are sent."""

    status_code = 409
    code = "email_required"

    def __init__(self) -> None:
        super().__init__("Add an e-mail address to your account first; receipts are sent to it.")


class NoBillingAccount(AppError):
    """The user never bought anything."""

    status_code = 404
    code = "no_billing_account"

    def __init__(self) -> None:
        super().__init__("You have not bought a plan yet, so there is no billing account to manage.")


class InvoiceNotFound(AppError):
    """The user has no invoice with this id."""

    status_code = 404
    code = "invoice_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such invoice. GET /api/billing/subscription/history/ lists yours.")
