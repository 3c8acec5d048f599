"""One attempt of a delivery: what is sent, what is recorded, and when the next attempt is."""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any

import pytest
from sqlalchemy import delete

from tests.fixtures.bytes_server import Serve
from tests.fixtures.webhooks.outgoing import BASE_URL, SECRET, Outgoing
from tests.fixtures.webhooks.receiver import Received
from tests.whyviral.social.media.test_hostile_urls import PRIVATE
from whyviral.core.database import session_scope
from whyviral.integrations.http.ssrf_guard import GuardedHttp
from whyviral.webhooks.outgoing import attempts, service
from whyviral.webhooks.outgoing.models import DeliveryState, EventType, OutgoingEndpoint
from whyviral.webhooks.outgoing.receivers import INNER_ADDRESS, TOO_LATE, UNREACHABLE, Receivers
from whyviral.webhooks.outgoing.retry_schedule import LEASE, MAX_ATTEMPTS, QUEUED_FOR, retry_delay
from whyviral.webhooks.outgoing.sender import DISABLED_AFTER

OLD_SECRET = "whsec_b2xkIHNlY3JldCBvZiB0aGUgZW5kcG9pbnQ="


def last_attempt(outgoing: Outgoing, delivery_id: uuid.UUID) -> dict[str, Any]:
    attempt = dict(outgoing.delivery(delivery_id).attempt_log[-1])
    assert attempt.pop("at") == outgoing.clock().isoformat()
    assert attempt.pop("duration_ms") >= 0
    return attempt


def test_an_event_reaches_its_endpoint_signed_and_with_a_link(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report(status="COMPLETED")

    outgoing.sender().send(delivery_id)

    (received,) = outgoing.receiver.received
    delivery = outgoing.delivery(delivery_id)
    assert (received.path, received.id) == ("/hook", str(delivery_id))
    assert received.headers["content-type"] == "application/json"
    assert received.verify(SECRET) == {
        "type": "analysis.completed",
        "timestamp": delivery.created_at.isoformat(),
        "data": {"status": "COMPLETED", "url": f"{BASE_URL}/api/analysis/requests/{outgoing.request_id}/"},
    }
    assert (delivery.state, delivery.attempts, delivery.delivered_at) == ("DELIVERED", 1, outgoing.clock())
    assert last_attempt(outgoing, delivery_id) == {"status": 204, "error": None}
    assert outgoing.queue.messages == []


def test_only_enabled_endpoints_that_subscribe_to_an_event_get_it(outgoing: Outgoing) -> None:
    outgoing.set_endpoint(events=["analysis.failed"])
    both = outgoing.add_endpoint()
    outgoing.add_endpoint(is_enabled=False)

    created = {event: outgoing.report(event) for event in (EventType.ANALYSIS_COMPLETED, EventType.ANALYSIS_FAILED)}

    receivers = {
        event: {outgoing.delivery(delivery_id).endpoint_id for delivery_id in deliveries}
        for event, deliveries in created.items()
    }
    assert receivers == {
        EventType.ANALYSIS_COMPLETED: {both},
        EventType.ANALYSIS_FAILED: {both, outgoing.endpoint_id},
    }


def test_a_rotated_secret_and_the_one_before_both_sign_for_a_day(outgoing: Outgoing) -> None:
    until = outgoing.clock() + timedelta(seconds=30)
    outgoing.set_endpoint(previous_secret=OLD_SECRET, previous_secret_until=until)
    first, second = outgoing.report()[0], outgoing.report()[0]

    outgoing.sender().send(first)
    outgoing.clock.advance(30)
    outgoing.sender().send(second)

    before, after = outgoing.receiver.received
    assert before.verify(SECRET) == before.verify(OLD_SECRET)
    assert (len(before.headers["webhook-signature"].split()), len(after.headers["webhook-signature"].split())) == (2, 1)
    assert after.verify(SECRET)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_status_is_a_success(outgoing: Outgoing, status: int) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: status

    outgoing.sender().send(delivery_id)

    assert outgoing.delivery(delivery_id).state == DeliveryState.DELIVERED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(outgoing: Outgoing, status: int) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: status
    outgoing.receiver.location = f"{outgoing.receiver.url}/inner"

    outgoing.sender().send(delivery_id)

    assert [received.path for received in outgoing.receiver.received] == ["/hook"]
    assert last_attempt(outgoing, delivery_id) == {
        "status": status,
        "error": f"the endpoint answered {status}, and redirects are not followed",
    }
    assert outgoing.delivery(delivery_id).state == DeliveryState.PENDING


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, None])
def test_a_failed_attempt_is_repeated_after_a_delay_through_the_queue(outgoing: Outgoing, status: int | None) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: status

    outgoing.sender().send(delivery_id)

    delivery = outgoing.delivery(delivery_id)
    error = UNREACHABLE if status is None else f"the endpoint answered {status}"
    assert last_attempt(outgoing, delivery_id) == {"status": status, "error": error}
    assert (delivery.state, outgoing.queue.messages) == (DeliveryState.PENDING, [(delivery_id, 10)])
    assert delivery.next_attempt_at == outgoing.clock() + timedelta(seconds=10)
    assert outgoing.endpoint().failing_since == outgoing.clock()


def test_the_answer_of_an_endpoint_is_not_stored(outgoing: Outgoing, serve_bytes: Serve) -> None:
    answer = b"HTTP/1.1 500 My Own Words\r\nX-Secret: hunter2\r\nContent-Length: 7\r\n\r\nhunter2"
    outgoing.set_endpoint(url=serve_bytes(iter([answer])) + "/")
    (delivery_id,) = outgoing.report()

    outgoing.sender().send(delivery_id)

    log = json.dumps(outgoing.delivery(delivery_id).attempt_log)
    assert "500" in log
    assert "hunter2" not in log
    assert "Own Words" not in log


def test_a_message_that_is_early_or_repeated_sends_nothing(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: 500
    outgoing.sender().send(delivery_id)

    assert outgoing.sender().send(delivery_id) is None
    outgoing.clock.advance(10)
    outgoing.receiver.answer = lambda _: 204
    assert outgoing.sender().send(delivery_id) is not None
    assert outgoing.sender().send(delivery_id) is None
    assert len(outgoing.receiver.received) == 2


def test_parallel_messages_of_one_delivery_send_it_once(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    sender = outgoing.sender()

    with ThreadPoolExecutor(6) as pool:
        attempts = list(pool.map(sender.send, repeat(delivery_id, 12)))

    assert sum(attempt is not None for attempt in attempts) == 1
    assert len(outgoing.receiver.received) == 1


def test_the_delays_grow_to_a_day_and_then_the_delivery_fails(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: 503
    started_at = outgoing.clock()

    delays = []
    for _ in range(MAX_ATTEMPTS - 1):
        outgoing.sender().send(delivery_id)
        delay = outgoing.delivery(delivery_id).next_attempt_at - outgoing.clock()
        delays.append(delay.total_seconds())
        outgoing.clock.advance(delay.total_seconds())
    outgoing.sender().send(delivery_id)

    assert delays == [10, 30, 90, 270, 810, 2430, 7290, 21870, 43200]
    assert timedelta(hours=20) < outgoing.clock() - started_at < timedelta(hours=25)
    delivery = outgoing.delivery(delivery_id)
    assert (delivery.state, delivery.attempts, len(delivery.attempt_log)) == ("FAILED", MAX_ATTEMPTS, MAX_ATTEMPTS)
    # Longer delays than fifteen minutes are the sweeper's.
    assert [delay for _, delay in outgoing.queue.messages] == [10, 30, 90, 270, 810]


def test_jitter_moves_a_delay_by_a_fifth_at_most() -> None:
    shortest = retry_delay(MAX_ATTEMPTS - 1, chance=lambda: 0.0)
    longest = retry_delay(MAX_ATTEMPTS - 1, chance=lambda: 1.0)

    assert (shortest, longest) == (timedelta(seconds=8), timedelta(seconds=12))


def test_the_sweeper_queues_what_has_no_message(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()

    early = outgoing.sweep()
    outgoing.clock.advance(QUEUED_FOR.total_seconds())

    assert (early, outgoing.sweep(), outgoing.sweep()) == ([], [delivery_id], [])


def test_the_sweeper_leaves_a_delivery_that_waits_for_its_next_attempt(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: 500
    for _ in range(6):
        outgoing.sender().send(delivery_id)
        outgoing.skip_waits()
    outgoing.sender().send(delivery_id)
    delay = outgoing.delivery(delivery_id).next_attempt_at - outgoing.clock()

    outgoing.clock.advance(delay.total_seconds() - 1)
    before = outgoing.sweep()
    outgoing.clock.advance(1)

    assert (before, outgoing.sweep()) == ([], [delivery_id])


class Crash(Exception):
    pass


def test_a_crash_after_the_exchange_sends_the_event_again_when_the_lease_has_ended(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()

    def crash_after_the_exchange() -> datetime:
        if outgoing.receiver.received:
            raise Crash
        return outgoing.clock.now

    with pytest.raises(Crash):
        outgoing.sender(clock=crash_after_the_exchange).send(delivery_id)

    assert outgoing.sender().send(delivery_id) is None
    outgoing.clock.advance(LEASE.total_seconds())
    assert outgoing.sweep() == [delivery_id]
    assert outgoing.sender().send(delivery_id) is not None
    assert [received.id for received in outgoing.receiver.received] == [str(delivery_id)] * 2
    assert (outgoing.delivery(delivery_id).state, outgoing.delivery(delivery_id).attempts) == ("DELIVERED", 2)


def test_an_attempt_that_outlived_its_lease_does_not_change_the_result_of_the_next(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    statuses = iter([500, 204])

    def answer(_: Received) -> int:
        status = next(statuses)
        if status == 500:  # the next attempt starts and ends before this one's answer
            outgoing.clock.advance(LEASE.total_seconds())
            assert outgoing.sender().send(delivery_id) is not None
        return status

    outgoing.receiver.answer = answer
    outgoing.sender().send(delivery_id)

    delivery = outgoing.delivery(delivery_id)
    assert (delivery.state, delivery.attempts, len(delivery.attempt_log)) == ("DELIVERED", 2, 1)
    assert outgoing.queue.messages == []


def test_a_delivery_whose_last_attempt_crashed_fails(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    with session_scope(outgoing.engine) as session:
        for _ in range(MAX_ATTEMPTS):
            assert attempts.take(session, delivery_id, now=outgoing.clock()) is not None
            outgoing.clock.advance(LEASE.total_seconds())

    assert outgoing.sweep() == []
    assert outgoing.delivery(delivery_id).state == DeliveryState.FAILED


def test_an_endpoint_without_a_success_for_five_days_is_disabled_with_the_reason(outgoing: Outgoing) -> None:
    outgoing.receiver.answer = lambda _: 500
    outgoing.sender().send(outgoing.report()[0])
    outgoing.clock.advance(DISABLED_AFTER.total_seconds() - 1)
    last, other = outgoing.report()[0], outgoing.report()[0]
    outgoing.sender().send(last)
    still_enabled = outgoing.endpoint().is_enabled
    outgoing.clock.advance(10)

    outgoing.sender().send(last)

    reason = "no delivery has succeeded for 5 days; the last error: the endpoint answered 500"
    endpoint = outgoing.endpoint()
    assert still_enabled
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, reason)
    assert outgoing.disabled == [(outgoing.endpoint_id, reason)]
    assert [outgoing.delivery(each).state for each in (last, other)] == ["FAILED", "FAILED"]
    assert (outgoing.sender().send(other), outgoing.report()) == (None, [])


def test_one_success_ends_the_days_of_failure(outgoing: Outgoing) -> None:
    outgoing.receiver.answer = lambda _: 500
    outgoing.sender().send(outgoing.report()[0])
    outgoing.receiver.answer = lambda _: 204
    outgoing.clock.advance(DISABLED_AFTER.total_seconds())

    outgoing.sender().send(outgoing.report()[0])

    endpoint = outgoing.endpoint()
    assert (endpoint.is_enabled, endpoint.failing_since) == (True, None)


def test_an_endpoint_that_is_gone_is_disabled_at_once(outgoing: Outgoing) -> None:
    outgoing.receiver.answer = lambda _: 410

    outgoing.sender().send(outgoing.report()[0])

    assert outgoing.endpoint().disabled_reason == "the endpoint answered 410 Gone"
    assert outgoing.queue.messages == []


def test_a_delivery_of_a_deleted_endpoint_is_not_sent(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    with session_scope(outgoing.engine) as session:
        session.execute(delete(OutgoingEndpoint))

    assert outgoing.sender().send(delivery_id) is None
    assert outgoing.receiver.received == []


def test_a_queue_that_is_down_leaves_the_retry_to_the_sweeper(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: 500
    outgoing.queue.is_down = True

    outgoing.sender().send(delivery_id)
    outgoing.clock.advance(10 + QUEUED_FOR.total_seconds())

    assert outgoing.sweep() == [delivery_id]


@pytest.mark.parametrize("address", PRIVATE)
def test_nothing_is_sent_to_an_endpoint_whose_host_resolves_inward(outgoing: Outgoing, address: str) -> None:
    outgoing.set_endpoint(url="https://hooks.example.com:8443/hook")
    (delivery_id,) = outgoing.report()
    receivers = Receivers(public=GuardedHttp(resolve=lambda _host, _port: [address]))

    outgoing.sender(receivers=receivers).send(delivery_id)

    assert last_attempt(outgoing, delivery_id) == {"status": None, "error": INNER_ADDRESS}
    assert outgoing.receiver.received == []


def test_a_deployed_sender_reaches_no_receiver_on_its_own_machine(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()

    outgoing.sender(receivers=Receivers()).send(delivery_id)

    assert outgoing.receiver.received == []
    assert last_attempt(outgoing, delivery_id)["error"] == "write an address that starts with https://"


HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "state", "error"),
    [
        (repeat(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000), "PENDING", UNREACHABLE),
        (iter([b"SSH-2.0-OpenSSH_9.9\r\n"]), "PENDING", UNREACHABLE),
        (iter([b""]), "PENDING", UNREACHABLE),
        (iter([HEADERS, b"x" * 100]), "DELIVERED", None),
    ],
    ids=["endless headers", "not HTTP", "nothing", "a body that is never complete"],
)
def test_a_hostile_answer_ends_its_attempt(
    outgoing: Outgoing, serve_bytes: Serve, pieces: Any, state: str, error: str | None
) -> None:
    outgoing.set_endpoint(url=serve_bytes(pieces) + "/")
    (delivery_id,) = outgoing.report()

    outgoing.sender().send(delivery_id)

    assert outgoing.delivery(delivery_id).state == state
    assert last_attempt(outgoing, delivery_id)["error"] == error


def test_headers_that_never_end_are_too_late(outgoing: Outgoing, serve_bytes: Serve) -> None:
    def trickle() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            time.sleep(0.01)
            yield b"X: y\r\n"

    outgoing.set_endpoint(url=serve_bytes(trickle()) + "/")
    (delivery_id,) = outgoing.report()

    outgoing.sender(exchange_s=0.3).send(delivery_id)

    assert last_attempt(outgoing, delivery_id) == {"status": None, "error": TOO_LATE}


def test_a_delivery_can_be_repeated_in_every_state(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.sender().send(delivery_id)

    with session_scope(outgoing.engine) as session:
        repeated = service.redeliver(session, outgoing.user_id, outgoing.endpoint_id, delivery_id, now=outgoing.clock())

    assert (repeated.state, repeated.attempts, repeated.next_attempt_at) == ("PENDING", 1, outgoing.clock())
    assert outgoing.sender().send(delivery_id) is not None
    assert [received.id for received in outgoing.receiver.received] == [str(delivery_id)] * 2


def test_a_repeated_delivery_waits_for_an_attempt_that_is_running(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()

    def answer(_: Received) -> int:
        with session_scope(outgoing.engine) as session:
            service.redeliver(session, outgoing.user_id, outgoing.endpoint_id, delivery_id, now=outgoing.clock())
        assert outgoing.sender().send(delivery_id) is None
        return 204

    outgoing.receiver.answer = answer

    assert outgoing.sender().send(delivery_id) is not None
    assert len(outgoing.receiver.received) == 1


def test_a_delivery_that_is_repeated_during_its_last_attempt_does_not_fail_with_it(outgoing: Outgoing) -> None:
    (delivery_id,) = outgoing.report()
    outgoing.receiver.answer = lambda _: 500
    for _ in range(MAX_ATTEMPTS - 1):
        outgoing.skip_waits()
        assert outgoing.sender().send(delivery_id) is not None

    def repeat_and_fail(_: Received) -> int:
        with session_scope(outgoing.engine) as session:
            service.redeliver(session, outgoing.user_id, outgoing.endpoint_id, delivery_id, now=outgoing.clock())
        return 500

    outgoing.receiver.answer = repeat_and_fail
    outgoing.skip_waits()
    outgoing.sender().send(delivery_id)
    outgoing.receiver.answer = lambda _: 204
    outgoing.clock.advance((LEASE + QUEUED_FOR).total_seconds())

    assert outgoing.sweep() == [delivery_id]
    assert outgoing.sender().send(delivery_id) is not None
    assert outgoing.delivery(delivery_id).state == DeliveryState.DELIVERED
