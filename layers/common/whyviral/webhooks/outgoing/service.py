"""The endpoints of a user: creates, changes, rotates, tests and deletes them, and repeats deliveries."""

import base64
import secrets
import uuid
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from whyviral.core.errors import AppError
from whyviral.core.pagination import Page

from . import repository
from .models import OutgoingDelivery, OutgoingEndpoint
from .receivers import ReceiverRefused, Receivers
from .schemas import NewWebhookEndpoint, WebhookDeliveryOut, WebhookEndpointBody, WebhookEndpointChanges, delivery_out

MAX_ENDPOINTS = 5
"""Of one user."""
ROTATED_SECRET_SIGNS_FOR = timedelta(days=1)
_SECRET_BYTES = 32


class WebhookEndpointNotFound(AppError):
    """The endpoint does not exist or is not the caller's."""

    status_code = 404
    code = "webhook_endpoint_not_found"

    def __init__(self) -> None:
        super().__init__("There is no webhook endpoint with this id. Check the id, or list your endpoints.")


class WebhookDeliveryNotFound(AppError):
    """The endpoint has no such delivery."""

    status_code = 404
    code = "webhook_delivery_not_found"

    def __init__(self) -> None:
        super().__init__("This endpoint has no delivery with this id. Check the id, or list its deliveries.")


class WebhookUrlRefused(AppError):
    """Webhooks cannot be sent to this URL; `details` says why."""

    status_code = 422
    code = "webhook_url_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Webhooks cannot be sent to this URL: {reason}.", details={"reason": reason})


class TooManyWebhookEndpoints(AppError):
    """The caller has as many endpoints as one user may have."""

    status_code = 409
    code = "too_many_webhook_endpoints"

    def __init__(self) -> None:
        super().__init__(
            f"You have {MAX_ENDPOINTS} webhook endpoints, and no user may have more. Delete one first.",
            details={"limit": MAX_ENDPOINTS},
        )


class WebhookEndpointDisabled(AppError):
    """The endpoint is disabled, so nothing is sent to it."""

    status_code = 409
    code = "webhook_endpoint_disabled"

    def __init__(self) -> None:
        super().__init__("This webhook endpoint is disabled. Enable it first.")


def check_url(receivers: Receivers, url: str, *, ends_at: float) -> None:
    """Check the URL of a new endpoint. It may ask a name server, so call it outside a transaction.

    Raises:
        WebhookUrlRefused: webhooks cannot be sent to it.
    """
    try:
        receivers.check(url, ends_at=ends_at)
    except ReceiverRefused as refused:
        raise WebhookUrlRefused(str(refused)) from None


def create_endpoint(session: Session, user_id: uuid.UUID, body: WebhookEndpointBody) -> NewWebhookEndpoint:
    """Create an endpoint whose URL was checked, and return it with its secret.

    Raises:
        TooManyWebhookEndpoints: the user has `MAX_ENDPOINTS` already.
    """
    repository.lock_user(session, user_id)
    if repository.count_endpoints(session, user_id) >= MAX_ENDPOINTS:
        raise TooManyWebhookEndpoints
    endpoint = OutgoingEndpoint(
        user_id=user_id,
        url=body.url,
        description=body.description,
        events=[event.value for event in body.events],
        secret=_new_secret(),
    )
    session.add(endpoint)
    session.flush()
    session.refresh(endpoint)
    return NewWebhookEndpoint.model_validate(endpoint)


def change_endpoint(
    session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID, changes: WebhookEndpointChanges
) -> OutgoingEndpoint:
    """Change an endpoint of the user.

    Raises:
        WebhookEndpointNotFound: the endpoint does not exist or is not the user's.
    """
    endpoint = _get(session, user_id, endpoint_id)
    if changes.description is not None:
        endpoint.description = changes.description
    if changes.events is not None:
        endpoint.events = [event.value for event in changes.events]
    if changes.is_enabled is True:
        endpoint.is_enabled, endpoint.disabled_reason, endpoint.failing_since = True, None, None
    session.flush()
    if changes.is_enabled is False:
        repository.disable(session, endpoint.id, reason=None)
    session.refresh(endpoint)
    return endpoint


def rotate_secret(session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID, *, now: datetime) -> NewWebhookEndpoint:
    """Give an endpoint a new secret. The one before signs beside it for a day, so that its receiver can be changed.

    Raises:
        WebhookEndpointNotFound: the endpoint does not exist or is not the user's.
    """
    endpoint = _get(session, user_id, endpoint_id)
    endpoint.previous_secret, endpoint.secret = endpoint.secret, _new_secret()
    endpoint.previous_secret_until = now + ROTATED_SECRET_SIGNS_FOR
    session.flush()
    session.refresh(endpoint)
    return NewWebhookEndpoint.model_validate(endpoint)


def delete_endpoint(session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID) -> None:
    """Delete an endpoint with its deliveries.

    Raises:
        WebhookEndpointNotFound: the endpoint does not exist or is not the user's.
    """
    if not repository.delete_endpoint(session, user_id, endpoint_id):
        raise WebhookEndpointNotFound


def test_endpoint(session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID, *, now: datetime) -> WebhookDeliveryOut:
    """Create a delivery of the test event, which the caller queues after the commit.

    Raises:
        WebhookEndpointNotFound: the endpoint does not exist or is not the user's.
        WebhookEndpointDisabled: the endpoint is disabled.
    """
    endpoint = _get_enabled(session, user_id, endpoint_id)
    return delivery_out(repository.create_test_delivery(session, endpoint, now=now))


def redeliver(
    session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID, delivery_id: uuid.UUID, *, now: datetime
) -> WebhookDeliveryOut:
    """Start a delivery again, in any state; the caller queues it after the commit.

    Raises:
        WebhookEndpointNotFound: the endpoint does not exist or is not the user's.
        WebhookDeliveryNotFound: the endpoint has no such delivery.
        WebhookEndpointDisabled: the endpoint is disabled.
    """
    endpoint = _get_enabled(session, user_id, endpoint_id)
    delivery = repository.restart_delivery(session, endpoint.id, delivery_id, now=now)
    if delivery is None:
        raise WebhookDeliveryNotFound
    return delivery_out(delivery)


def list_deliveries(
    session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID, *, page: int
) -> Page[WebhookDeliveryOut]:
    """Return one page of an endpoint's deliveries, the newest first.

    Raises:
        WebhookEndpointNotFound: the endpoint does not exist or is not the user's.
    """
    endpoint = repository.find_endpoint(session, user_id, endpoint_id)
    if endpoint is None:
        raise WebhookEndpointNotFound
    found: Page[OutgoingDelivery] = repository.list_deliveries(session, endpoint.id, page)
    return Page([delivery_out(row) for row in found.rows], found.count, found.number)


def _get(session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID) -> OutgoingEndpoint:
    """Lock and return an endpoint; it is always locked before its deliveries."""
    endpoint = repository.find_endpoint(session, user_id, endpoint_id, for_update=True)
    if endpoint is None:
        raise WebhookEndpointNotFound
    return endpoint


def _get_enabled(session: Session, user_id: uuid.UUID, endpoint_id: uuid.UUID) -> OutgoingEndpoint:
    endpoint = _get(session, user_id, endpoint_id)
    if not endpoint.is_enabled:
        raise WebhookEndpointDisabled
    return endpoint


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
