"""The uvicorn server of the stand-ins: in the main thread for `python -m`, in a background thread for tests."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.stand_ins.server.app import create_app
from local.stand_ins.youtube.proxy import ConnectProxy

HOST = "127.0.0.1"
_START_TIMEOUT_S = 10
_KEEP_ALIVE_S = 60
"""Longer than clients keep an idle connection, so that the server never closes one that is about to be used."""


class _Connection(H11Protocol):
    """A connection whose socket the app can close without an answer, for which ASGI has no message."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Put the transport into the state of every scope of this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of the stand-ins."""

    url: str
    youtube_proxy_url: str


class StandInServer(uvicorn.Server):
    """A server that runs YouTube's proxy beside the app and releases held calls when it stops."""

    def __init__(
        self,
        port: int,
        youtube_proxy_port: int,
        *,
        storage_folder: Path | None = None,
        dodo_file: Path | None = None,
    ) -> None:
        app = create_app(storage_folder, dodo_file)
        self._stand_ins = app.state.stand_ins
        self._youtube_proxy_port = youtube_proxy_port
        self._proxy = AsyncExitStack()
        self.addresses: Addresses | None = None
        """None until the server has started."""
        super().__init__(
            uvicorn.Config(
                app,
                HOST,
                port,
                http=_Connection,
                log_level="error",
                access_log=False,
                lifespan="off",
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app's server and the proxy."""
        await super().startup(sockets)
        port: int = self.servers[0].sockets[0].getsockname()[1]
        proxy = ConnectProxy(HOST, self._youtube_proxy_port, app_port=port, relays=self._stand_ins.relays)
        proxy_port = await self._proxy.enter_async_context(proxy.listening())
        self.addresses = Addresses(f"http://{HOST}:{port}", f"http://{HOST}:{proxy_port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop without waiting for calls that a fault holds open."""
        self._stand_ins.faults.clear()
        await self._proxy.aclose()
        self._stand_ins.clerk_webhooks.cancel()
        self._stand_ins.dodo.deliveries.cancel()
        await super().shutdown(sockets)


@contextmanager
def running() -> Iterator[Addresses]:
    """Run the stand-ins in a thread, on free ports; yields their addresses."""
    server = StandInServer(port=0, youtube_proxy_port=0)
    thread = Thread(target=server.run, name="stand-ins", daemon=True)
    thread.start()
    deadline_mono_s = time.monotonic() + _START_TIMEOUT_S
    while server.addresses is None:
        if not thread.is_alive() or time.monotonic() > deadline_mono_s:
            raise RuntimeError("the stand-ins did not start")
        time.sleep(0.01)
    try:
        yield server.addresses
    finally:
        server.should_exit = True
        thread.join()
