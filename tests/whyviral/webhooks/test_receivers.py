"""Only one machine may send webhooks to itself."""

import time

import pytest

from tests.fixtures.waits import WAIT_S
from tests.fixtures.webhooks.receiver import Receiver
from whyviral.core.endpoints import Endpoints
from whyviral.webhooks.outgoing.receivers import INNER_ADDRESS, NOT_HTTPS, ReceiverRefused, Receivers


def refusal(receivers: Receivers, url: str) -> str:
    with pytest.raises(ReceiverRefused) as refused:
        receivers.check(url, ends_at=time.monotonic() + WAIT_S)
    return str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_deployment_refuses_its_own_machine_under_every_name(host: str) -> None:
    deployed = Receivers.of(Endpoints())

    assert refusal(deployed, f"http://{host}:8080/") == NOT_HTTPS
    assert refusal(deployed, f"https://{host}:8443/") == INNER_ADDRESS


def test_one_machine_reaches_its_loopback_by_http_and_no_other_inner_host(receiver: Receiver) -> None:
    local = Receivers.of(Endpoints(has_local_receivers=True))
    ends_at = time.monotonic() + WAIT_S

    with local.post(f"{receiver.url}/hook", b"{}", {"Webhook-Id": "1"}, ends_at=ends_at) as answer:
        assert answer.status == 204

    assert [(received.id, received.body) for received in receiver.received] == [("1", b"{}")]
    assert refusal(local, "http://10.0.0.1:8080/") == INNER_ADDRESS
    assert refusal(local, "https://127.0.0.1:8443/") == INNER_ADDRESS
