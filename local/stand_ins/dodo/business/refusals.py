"""The refusals of the payment service, with its business codes. Source: docs.dodopayments.com, "Error codes"."""


class BusinessRefusal(Exception):
    """A request that the payment service does not accept; nothing has changed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


def not_found(what: str) -> BusinessRefusal:
    """Return the refusal for an unknown id."""
    return BusinessRefusal(404, "NOT_FOUND", f"{what} not found")


def inactive() -> BusinessRefusal:
    """Return the refusal for a subscription that is not active."""
    return BusinessRefusal(400, "SUBSCRIPTION_INACTIVE", "Subscription is not active")


def invalid(message: str) -> BusinessRefusal:
    """Return the refusal for a request without a sense."""
    return BusinessRefusal(422, "INVALID_REQUEST_PARAMETERS", message)
