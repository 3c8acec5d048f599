"""A storm of deliveries: receivers, queue and workers fail at random, and every event still arrives."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from tests.fakes.delivery_queue import FakeDeliveryQueue
from tests.fixtures.proof_scale import ROUND, scaled
from tests.fixtures.webhooks.outgoing import Outgoing
from tests.fixtures.webhooks.receiver import Received
from tests.whyviral.social.media.test_hostile_urls import PRIVATE
from whyviral.core.database import session_scope
from whyviral.core.errors import ErrorCategory
from whyviral.integrations.errors import ProviderError
from whyviral.integrations.http.ssrf_guard import GuardedAnswer, GuardedHttp, is_loopback
from whyviral.webhooks.outgoing import repository
from whyviral.webhooks.outgoing.models import DeliveryState, OutgoingDelivery
from whyviral.webhooks.outgoing.receivers import INNER_ADDRESS, Receivers

WORKERS = 6
ENDPOINTS = 4
"""Beside one whose host resolves inward."""


class Crash(Exception):
    """A worker ends between the exchange and the commit that records it."""


class FragileHttp(GuardedHttp):
    """A client whose worker sometimes ends as soon as the answer has arrived."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(allows=is_loopback)
        self.chance = chance

    @contextmanager
    def post(self, url: str, content: bytes, headers: Mapping[str, str], *, ends_at: float) -> Iterator[GuardedAnswer]:
        with super().post(url, content, headers, ends_at=ends_at) as answer:
            yield answer
        if self.chance.random() < 0.1:
            raise Crash


@dataclass(slots=True)
class FragileQueue(FakeDeliveryQueue):
    """A queue that sometimes refuses messages, and sometimes delivers one twice."""

    chance: random.Random = field(default_factory=random.Random)

    def send(self, delivery_ids: Sequence[uuid.UUID], *, delay_s: int = 0) -> None:
        if self.chance.random() < 0.2:
            raise ProviderError("down", provider="sqs", category=ErrorCategory.PROVIDER_ERROR, is_transient=True)
        copies = 2 if self.chance.random() < 0.2 else 1
        FakeDeliveryQueue.send(self, [*delivery_ids] * copies, delay_s=delay_s)


@dataclass(slots=True)
class FragileReceiver:
    """Answers at random, and checks that no two attempts of a delivery overlap."""

    chance: random.Random
    accepted: set[str] = field(default_factory=set)
    overlaps: int = 0
    _in_flight: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, received: Received) -> int | None:
        with self._lock:
            self._in_flight[received.id] += 1
            self.overlaps += self._in_flight[received.id] > 1
        status = self.chance.choices([204, 500, 429, 302, None], weights=[60, 15, 10, 5, 10])[0]
        with self._lock:
            self._in_flight[received.id] -= 1
            if status == 204:
                self.accepted.add(received.id)
        return status


def check_storm(outgoing: Outgoing, number: int) -> None:
    """Send `number` deliveries to receivers that fail at random, and check that each arrives and none goes inward."""
    secrets = {"/hook": outgoing.endpoint().secret}
    for index in range(1, ENDPOINTS):
        secrets[f"/{index}"] = f"whsec_{index:032d}"
        outgoing.add_endpoint(url=f"{outgoing.receiver.url}/{index}", secret=secrets[f"/{index}"])
    inner_id = outgoing.add_endpoint(url="https://inner.example.com/hook")
    receiver = FragileReceiver(random.Random(ROUND))
    outgoing.receiver.answer = receiver.answer
    queue = FragileQueue(chance=random.Random(ROUND + 1))
    inner = iter(PRIVATE * number)
    sender = outgoing.sender(
        queue=queue,
        receivers=Receivers(
            public=GuardedHttp(resolve=lambda _host, _port: [next(inner)]),
            loopback=FragileHttp(random.Random(ROUND + 2)),
        ),
    )
    for _ in range(-(-number // ENDPOINTS)):
        outgoing.report()

    def send(delivery_id: uuid.UUID) -> None:
        with suppress(Crash):  # the lease ends, and the sweeper queues the delivery again
            sender.send(delivery_id)

    with ThreadPoolExecutor(WORKERS) as pool:
        while _unfinished(outgoing, inner_id):
            outgoing.skip_waits()
            list(pool.map(send, [*queue.receive(), *outgoing.sweep()]))

    _check_rows(outgoing, inner_id, receiver)
    bodies: dict[str, set[bytes]] = {}
    for received in outgoing.receiver.received:
        assert received.verify(secrets[received.path])["type"] == "analysis.completed"
        bodies.setdefault(received.id, set()).add(received.body)
    assert {len(found) for found in bodies.values()} == {1}


def _unfinished(outgoing: Outgoing, inner_id: uuid.UUID) -> bool:
    """Return whether deliveries are pending; one that used up its attempts is repeated, as its user can."""
    with session_scope(outgoing.engine) as session:
        rows = session.scalars(select(OutgoingDelivery).where(OutgoingDelivery.state != DeliveryState.DELIVERED)).all()
        for row in rows:
            if row.state == DeliveryState.FAILED and row.endpoint_id != inner_id:
                repository.restart_delivery(session, row.endpoint_id, row.id, now=outgoing.clock())
    return any(row.state == DeliveryState.PENDING or row.endpoint_id != inner_id for row in rows)


def _check_rows(outgoing: Outgoing, inner_id: uuid.UUID, receiver: FragileReceiver) -> None:
    with session_scope(outgoing.engine) as session:
        rows: Sequence[Any] = session.scalars(select(OutgoingDelivery)).all()
    outward = [row for row in rows if row.endpoint_id != inner_id]
    assert {row.state for row in outward} == {DeliveryState.DELIVERED}
    assert {str(row.id) for row in outward} == receiver.accepted
    assert receiver.overlaps == 0
    inward = [row for row in rows if row.endpoint_id == inner_id]
    assert {row.state for row in inward} == {DeliveryState.FAILED}
    assert {attempt["error"] for row in inward for attempt in row.attempt_log} == {INNER_ADDRESS}


def test_every_event_arrives_although_receivers_queue_and_workers_fail(outgoing: Outgoing) -> None:
    check_storm(outgoing, 24)


@pytest.mark.proof
def test_five_hundred_events_arrive_although_receivers_queue_and_workers_fail(outgoing: Outgoing) -> None:
    check_storm(outgoing, scaled(500))
