"""`python client.py URL TOKEN TOPIC`: follows a private channel with Supabase's own client, and prints JSON lines.

It runs in `.tools/realtime`, without this project's packages.
"""

import asyncio
import json
import sys
from typing import Any

from realtime import (  # type: ignore[import-not-found] # installed in .tools/realtime only
    AsyncRealtimeClient,
    RealtimeSubscribeStates,
)


def _print(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _main(url: str, token: str, topic: str) -> None:
    client = AsyncRealtimeClient(url, token)
    channel = client.channel(topic, {"config": {"private": True, "broadcast": None, "presence": None}})
    channel.on_broadcast("analysis_status", lambda message: _print(message=message))

    def report(state: RealtimeSubscribeStates, error: Exception | None) -> None:
        _print(state=state.value, error=str(error) if error else None)

    await channel.subscribe(report)
    await asyncio.Event().wait()


asyncio.run(_main(*sys.argv[1:]))
