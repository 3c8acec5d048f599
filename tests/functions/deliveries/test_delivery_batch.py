"""Batches of the queue of deliveries."""

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from functions.deliveries.delivery_batch import record_disabled, send_batch
from tests.fixtures.webhooks.outgoing import Outgoing
from whyviral.analytics.models import AppLog
from whyviral.core.database import session_scope
from whyviral.core.logging import build_logger
from whyviral.webhooks.outgoing.sender import Sender

logger = build_logger("test")


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def message(delivery_id: uuid.UUID) -> str:
    return json.dumps({"delivery": str(delivery_id)})


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_an_endpoint_that_refuses_fails_no_message(outgoing: Outgoing) -> None:
    deliveries = [*outgoing.report(), *outgoing.report(), uuid.uuid4()]
    statuses = iter([500, 204])
    outgoing.receiver.answer = lambda _: next(statuses)

    answer = send_batch(outgoing.sender(), batch(*map(message, deliveries)), logger=logger)

    assert failed(answer) == []
    assert outgoing.states() == {"PENDING": 1, "DELIVERED": 1}


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"delivery": "x"}', '{"event": null}'])
def test_an_unreadable_message_fails_alone(outgoing: Outgoing, body: str) -> None:
    (delivery_id,) = outgoing.report()

    answer = send_batch(outgoing.sender(), batch(body, message(delivery_id)), logger=logger)

    assert failed(answer) == ["0"]
    assert outgoing.states() == {"DELIVERED": 1}


def test_a_message_whose_attempt_cannot_be_recorded_is_delivered_again(
    outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = outgoing.report()[0], outgoing.report()[0]
    send = Sender.send

    def break_first(self: Sender, delivery_id: uuid.UUID) -> Any:
        if delivery_id == first:
            raise OSError("the database is down")
        return send(self, delivery_id)

    # No part of a sender can be made to fail for one of two messages from outside.
    monkeypatch.setattr(Sender, "send", break_first)

    answer = send_batch(outgoing.sender(), batch(message(first), message(second)), logger=logger)

    assert failed(answer) == ["0"]
    assert outgoing.states() == {"PENDING": 1, "DELIVERED": 1}


def test_a_disabled_endpoint_is_recorded_for_operators(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: 410

    send_batch(outgoing.sender(report_disabled=record_disabled), batch(message(delivery_id)), logger=logger)

    with session_scope(outgoing.engine) as session:
        (event,) = session.scalars(select(AppLog).where(AppLog.event == "webhook_endpoint_disabled"))
    assert (event.category, event.level, event.user_id) == ("SYSTEM", "WARNING", outgoing.user_id)
    assert event.details == {
        "endpoint": str(outgoing.endpoint_id),
        "delivery": str(delivery_id),
        "reason": "the endpoint answered 410 Gone",
    }
