"""A small stand-in for Supabase's Realtime server: Phoenix frames over a websocket, and the database's own policies.

It joins a client to a private channel if the policies let the client's token read messages of the topic, and then sends
the messages that `realtime.send` writes. Source: supabase/realtime, `channels_authorization.ex` and
`batch_broadcast.ex` (2026-08-21).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from sqlalchemy import Engine, text
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

_POLL_S = 0.02
_REQUIRED_CLAIMS = frozenset({"role", "exp"})


@contextmanager
def realtime_server(owner: Engine) -> Iterator[str]:
    """Serve the messages of a database on loopback, and yield the address of the server.

    Args:
        owner: connects as the owner of the tables, as the real server does.
    """
    with serve(lambda connection: _Client(connection, owner).run(), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/realtime/v1"
        server.shutdown()
        thread.join()


class _Client:
    """One connection, with the channels that it has joined."""

    def __init__(self, connection: ServerConnection, owner: Engine) -> None:
        self._connection = connection
        self._owner = owner
        self._sent: dict[str, set[str]] = {}
        """The ids of the messages that are not sent again, by topic."""

    def run(self) -> None:
        try:
            while True:
                try:
                    frame = self._connection.recv(timeout=_POLL_S)
                except TimeoutError:
                    self._send_new_messages()
                else:
                    self._answer(json.loads(frame))
        except ConnectionClosed:
            return

    def _answer(self, frame: dict[str, Any]) -> None:
        error = None
        if frame["event"] == "phx_join":
            error = self._join(frame["topic"], frame["payload"])
        elif frame["event"] not in ("heartbeat", "phx_leave"):
            return  # an access token, which needs no reply
        reply: dict[str, Any] = {"status": "ok", "response": {"postgres_changes": []}}
        if error is not None:
            reply = {"status": "error", "response": {"reason": error}}
        self._send("phx_reply", frame["topic"], reply, ref=frame["ref"])

    def _join(self, channel: str, payload: dict[str, Any]) -> str | None:
        topic = channel.removeprefix("realtime:")
        claims = jwt.decode(payload["access_token"], options={"verify_signature": False})
        if missing := _REQUIRED_CLAIMS - claims.keys():
            return f"Missing claims: {sorted(missing)}"
        if not payload["config"]["private"]:
            return "This stand-in has private channels only"
        if not self._may_read(topic, claims):
            return f"You do not have permissions to read from this Channel topic: {topic}"
        self._sent[topic] = {row["id"] for row in self._messages(topic)}
        return None

    def _may_read(self, topic: str, claims: dict[str, Any]) -> bool:
        """Whether the token may read a message of the topic; the message exists in this transaction only."""
        settings = {"claims": json.dumps(claims), "topic": topic}
        with self._owner.connect() as connection:
            connection.execute(
                text("insert into realtime.messages (topic, extension, private) values (:topic, 'broadcast', true)"),
                {"topic": topic},
            )
            connection.execute(
                text(
                    "select set_config('request.jwt.claims', :claims, true), set_config('realtime.topic', :topic, true)"
                ),
                settings,
            )
            connection.exec_driver_sql("set local role authenticated")
            found = connection.scalar(
                text("select count(*) from realtime.messages where topic = :topic"), {"topic": topic}
            )
            connection.rollback()
        return bool(found)

    def _send_new_messages(self) -> None:
        for topic, sent in self._sent.items():
            for row in self._messages(topic):
                if row["id"] not in sent:
                    sent.add(row["id"])
                    message = {"type": "broadcast", "event": row["event"], "payload": row["payload"]}
                    self._send("broadcast", f"realtime:{topic}", message, ref=None)

    def _messages(self, topic: str) -> list[dict[str, Any]]:
        query = text("select id::text, event, payload from realtime.messages where topic = :topic order by inserted_at")
        with self._owner.connect() as connection:
            return [dict(row) for row in connection.execute(query, {"topic": topic}).mappings()]

    def _send(self, event: str, topic: str, payload: dict[str, Any], *, ref: str | None) -> None:
        self._connection.send(json.dumps({"event": event, "topic": topic, "payload": payload, "ref": ref}))
