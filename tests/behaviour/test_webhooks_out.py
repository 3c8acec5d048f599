"""Webhooks to a user's endpoint, through the whole system."""

from tests.behaviour.system import System
from tests.fixtures.waits import wait_until
from tests.fixtures.webhooks.receiver import Receiver

ENDPOINTS = "/api/webhooks/endpoints/"


def test_an_endpoint_hears_of_the_end_of_an_analysis_and_can_be_tried(system: System, receiver: Receiver) -> None:
    created = system.api.post(ENDPOINTS, json={"url": f"{receiver.url}/hook"})
    assert created.status_code == 201, created.text
    endpoint = created.json()
    path = f"{ENDPOINTS}{endpoint['id']}/"

    tested = system.api.post(f"{path}test/").json()
    wait_until(lambda: receiver.received)
    request = system.analyse(system.publish("1700000000000000077"))
    wait_until(lambda: len(receiver.received) > 1)

    first, second = (received.verify(endpoint["secret"]) for received in receiver.received)
    assert (first["type"], receiver.received[0].id) == ("webhook.test", tested["id"])
    assert second["type"] == "analysis.completed"
    data = second["data"]
    assert isinstance(data, dict)
    assert data["analysis_request_id"] == request["id"]
    assert system.api.get(data["url"]).json()["status"] == data["status"] == "COMPLETED"
    deliveries = wait_until(lambda: _delivered(system, path))
    assert [delivery["type"] for delivery in deliveries] == ["analysis.completed", "webhook.test"]


def _delivered(system: System, path: str) -> list[dict[str, object]]:
    """Return the deliveries once all of them have arrived."""
    found: list[dict[str, object]] = system.api.get(f"{path}deliveries/").json()["results"]
    return found if {delivery["state"] for delivery in found} == {"DELIVERED"} else []
