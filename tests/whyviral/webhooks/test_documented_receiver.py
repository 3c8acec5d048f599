"""The receiver that docs/webhooks.md shows accepts our events, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.webhooks.outgoing import SECRET, Outgoing

DOCUMENT = Path(__file__).parents[3] / "docs" / "webhooks.md"


@pytest.fixture
def documented() -> Any:
    """The function of the Python example."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("whsec_…", SECRET), names)  # noqa: S102 - the document's own example
    return names["receive"]


def test_the_documented_receiver_accepts_events_and_refuses_changed_ones(outgoing: Outgoing, documented: Any) -> None:
    (delivery_id,) = outgoing.report(status="COMPLETED")
    outgoing.sender().send(delivery_id)
    (received,) = outgoing.receiver.received
    headers = dict(received.headers)

    assert documented(headers, received.body) == 204
    assert documented(headers, received.body + b" ") == 401
    assert documented(headers | {"webhook-timestamp": "1"}, received.body) == 401
    assert documented(headers | {"webhook-id": "another"}, received.body) == 401
