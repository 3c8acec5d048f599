"""The built StreamFunction, started as the Lambda Web Adapter does, sends each token when the model has written it."""

import json
from threading import Event, Thread
from typing import Any

from tests import factories
from tests.fixtures.waits import WAIT_S
from tests.template.emulator.conftest import HOST, Emulator
from tests.template.emulator.stream_server import stream_server
from whyviral.analysis.models import RequestStatus
from whyviral.core.database import session_scope

QUESTION = "Why? stand-in:tokens=5 stand-in:pause_ms=60000"
"""The model writes five words, and pauses for a minute after each unless the stand-in is reset."""


def chat_session(emulator: Emulator) -> tuple[str, str]:
    """Start a chat about an analysis through ApiFunction; return its id and the user's token."""
    identity = emulator.stand_ins.token("streams@example.com")
    with session_scope(emulator.engine) as session:
        user = factories.create_user(session, clerk_user_id=identity["user_id"])
        factories.create_subscription(session, user)
        post = factories.create_post(session)
        request = factories.create_request(session, user, [post], status=RequestStatus.COMPLETED)
        analysis = str(factories.create_analysis(session, request, post).id)
    body = {"post_analysis_id": analysis}
    status, chat = emulator.request("POST", "/api/analysis/chat/sessions/", body, token=identity["token"])
    assert status == 201, chat
    return chat["id"], identity["token"]


def test_tokens_arrive_while_the_model_is_still_writing(emulator: Emulator) -> None:
    chat, token = chat_session(emulator)
    headers = {"authorization": f"Bearer {token}", "host": HOST}
    ended = Event()

    def release_pauses() -> None:
        while not ended.wait(0.05):
            emulator.stand_ins.reset()

    path = f"/api/analysis/chat/sessions/{chat}/messages/stream/"
    releaser = Thread(target=release_pauses)
    events: list[tuple[str, Any]] = []
    with (
        stream_server(emulator.packages, emulator.environment("StreamFunction")) as http,
        http.stream("POST", path, json={"content": QUESTION}, headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        name = ""
        for line in answer.iter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                events.append((name, json.loads(value)))
                if len(events) == 1:  # the model cannot have written more: it pauses until now
                    releaser.start()
        ended.set()
        releaser.join(WAIT_S)

    assert [name for name, _ in events] == ["token"] * (len(events) - 1) + ["done"]
    assert len(events) > 2
    text = "".join(data["text"] for name, data in events if name == "token")
    assert text.split() == [f"word{number}" for number in range(5)]
