"""Routes for outgoing webhooks: the caller's endpoints, and the deliveries to them."""

import time
import uuid
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from functions.api.authentication import SIGNED_IN, AuthenticatedRoute, CurrentUser
from functions.api.dependencies import PageNumber, Services, ServicesDep, SessionDep
from functions.api.error_responses import error_responses
from functions.api.idempotent_call import RATE_HEADERS, IdempotentCallDep, call_responses, rate_headers, response_of
from functions.api.pages import PageOut, page_out
from whyviral.accounts.models import User
from whyviral.core.logging import build_logger
from whyviral.throttling.rate_limits import RateLimited, RatePolicy, hit
from whyviral.webhooks.outgoing import repository as webhooks_repository
from whyviral.webhooks.outgoing import service as webhooks_service
from whyviral.webhooks.outgoing.dispatch import queue_deliveries
from whyviral.webhooks.outgoing.schemas import (
    NewWebhookEndpoint,
    WebhookDeliveryOut,
    WebhookEndpointBody,
    WebhookEndpointChanges,
    WebhookEndpointOut,
)
from whyviral.webhooks.outgoing.service import (
    TooManyWebhookEndpoints,
    WebhookDeliveryNotFound,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    WebhookUrlRefused,
)

WEBHOOKS_RATE = RatePolicy("webhooks", limit=60, window=timedelta(hours=1))
"""The limit per user for calls that reach another host: new endpoints, tests and repeated deliveries together."""
_LOOK_UP_S = 5.0
_NOT_FOUND = error_responses(*SIGNED_IN, WebhookEndpointNotFound)

logger = build_logger("api")
router = APIRouter(
    prefix="/api/webhooks/endpoints",
    tags=["webhooks"],
    route_class=AuthenticatedRoute,
    responses=error_responses(*SIGNED_IN),
)


class WebhookEndpointList(PageOut[WebhookEndpointOut]):
    """One page of webhook endpoints."""


class WebhookDeliveryList(PageOut[WebhookDeliveryOut]):
    """One page of deliveries."""


@router.get("/", response_model=WebhookEndpointList)
def list_webhook_endpoints(
    request: Request, user: CurrentUser, session: SessionDep, services: ServicesDep, page: PageNumber = 1
) -> Any:
    """List the caller's webhook endpoints, the oldest first."""
    found = webhooks_repository.list_endpoints(session, user.id, page)
    return page_out(found, WebhookEndpointList, request=request, services=services)


@router.post(
    "/",
    status_code=HTTPStatus.CREATED,
    response_model=NewWebhookEndpoint,
    responses={
        **error_responses(*SIGNED_IN, WebhookUrlRefused, TooManyWebhookEndpoints, RateLimited),
        HTTPStatus.CREATED: {"headers": RATE_HEADERS},
    },
)
def create_webhook_endpoint(
    body: WebhookEndpointBody, request: Request, user: CurrentUser, session: SessionDep, services: ServicesDep
) -> Any:
    """Create an endpoint for events, at most 5 for each user. Its signing secret is shown in this answer only."""
    _count(request, session, user, services)
    webhooks_service.check_url(services.receivers, body.url, ends_at=time.monotonic() + _LOOK_UP_S)
    return webhooks_service.create_endpoint(session, user.id, body)


@router.patch("/{endpoint_id}/", response_model=WebhookEndpointOut, responses=_NOT_FOUND)
def change_webhook_endpoint(
    endpoint_id: uuid.UUID, changes: WebhookEndpointChanges, user: CurrentUser, session: SessionDep
) -> Any:
    """Change the events or the description of an endpoint, or enable or disable it."""
    return webhooks_service.change_endpoint(session, user.id, endpoint_id, changes)


@router.delete("/{endpoint_id}/", status_code=HTTPStatus.NO_CONTENT, responses=_NOT_FOUND)
def delete_webhook_endpoint(endpoint_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> None:
    """Delete an endpoint with its deliveries."""
    webhooks_service.delete_endpoint(session, user.id, endpoint_id)


@router.post("/{endpoint_id}/secret/", response_model=NewWebhookEndpoint, responses=_NOT_FOUND)
def rotate_webhook_secret(endpoint_id: uuid.UUID, user: CurrentUser, session: SessionDep, services: ServicesDep) -> Any:
    """Replace the signing secret of an endpoint. For a day the old secret signs as well; the new one is shown once."""
    return webhooks_service.rotate_secret(session, user.id, endpoint_id, now=services.clock())


@router.post(
    "/{endpoint_id}/test/",
    status_code=HTTPStatus.ACCEPTED,
    response_model=WebhookDeliveryOut,
    responses=call_responses(HTTPStatus.ACCEPTED, WebhookEndpointNotFound, WebhookEndpointDisabled),
)
def test_webhook_endpoint(endpoint_id: uuid.UUID, call: IdempotentCallDep, services: ServicesDep) -> Any:
    """Send the event `webhook.test` to an endpoint. The endpoint's deliveries show the result."""
    with call.run_once(None, rate=WEBHOOKS_RATE) as once:
        delivery = webhooks_service.test_endpoint(once.session, call.user.id, endpoint_id, now=services.clock())
        answer = once.answer(delivery, status_code=HTTPStatus.ACCEPTED)
    queue_deliveries(services.deliveries, [delivery.id], logger=logger)
    return response_of(answer)


@router.get("/{endpoint_id}/deliveries/", response_model=WebhookDeliveryList, responses=_NOT_FOUND)
def list_webhook_deliveries(
    endpoint_id: uuid.UUID,
    request: Request,
    user: CurrentUser,
    session: SessionDep,
    services: ServicesDep,
    page: PageNumber = 1,
) -> Any:
    """List the deliveries to an endpoint, the newest first. They are kept for 90 days by default."""
    found = webhooks_service.list_deliveries(session, user.id, endpoint_id, page=page)
    return page_out(found, WebhookDeliveryList, request=request, services=services)


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/redeliver/",
    status_code=HTTPStatus.ACCEPTED,
    response_model=WebhookDeliveryOut,
    responses=call_responses(
        HTTPStatus.ACCEPTED, WebhookEndpointNotFound, WebhookDeliveryNotFound, WebhookEndpointDisabled
    ),
)
def redeliver_webhook(
    endpoint_id: uuid.UUID, delivery_id: uuid.UUID, call: IdempotentCallDep, services: ServicesDep
) -> Any:
    """Send a delivery again, in any state, with the same `webhook-id`."""
    with call.run_once(None, rate=WEBHOOKS_RATE) as once:
        delivery = webhooks_service.redeliver(
            once.session, call.user.id, endpoint_id, delivery_id, now=services.clock()
        )
        answer = once.answer(delivery, status_code=HTTPStatus.ACCEPTED)
    queue_deliveries(services.deliveries, [delivery.id], logger=logger)
    return response_of(answer)


def _count(request: Request, session: Session, user: User, services: Services) -> None:
    """Count a call, and commit, so that no transaction is open while a name server is asked."""
    state = hit(
        session,
        scope=WEBHOOKS_RATE.scope,
        subject=str(user.id),
        limit=WEBHOOKS_RATE.limit,
        window=WEBHOOKS_RATE.window,
        now=services.clock(),
    )
    session.commit()
    request.state.answer_headers = rate_headers(WEBHOOKS_RATE, state)
    if not state.allowed:
        raise RateLimited(WEBHOOKS_RATE, state)
