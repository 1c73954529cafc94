"""A TCP proxy that fails when told to, between the backfill and PostgreSQL."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, Literal, TypeVar

from psycopg.conninfo import conninfo_to_dict, make_conninfo

How = Literal["reset", "close"]
T = TypeVar("T")

_CHUNK = 65_536
# Closed with it, a socket sends RST instead of FIN.
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Trap:
    """Say which bytes of a client, one after the other, end its connection, once.

    `more` bytes after the last of the markers still pass. With `lose_answer` all pass, and the
    connection ends when the server has answered, without the answer. With `forget` only the
    client's half ends: the server hears nothing of it, as when a machine or a firewall dies.
    """

    markers: tuple[bytes, ...]
    more: int = 0
    how: How = "reset"
    lose_answer: bool = False
    forget: bool = False


class _Link:
    """One client's connection, relayed in both directions."""

    def __init__(self, proxy: TcpProxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter):
        self._proxy = proxy
        self.client = client
        self.server = server
        # How many bytes may still go up, once the trap has sprung.
        self._left: int | None = None
        self._trap: Trap | None = None
        self._stage = 0
        self._seen = b""

    async def up(self, reader: asyncio.StreamReader) -> None:
        """Relay what the client says."""
        while data := await reader.read(_CHUNK):
            await self._proxy.flowing.wait()
            self._proxy.passed += len(data)
            if self._left is None:
                self._look(data)
            if self._left is None or self._trap is None or self._trap.lose_answer:
                self.server.write(data)
                await self.server.drain()
                continue
            passed, self._left = data[: self._left], self._left - len(data)
            self.server.write(passed)
            await self.server.drain()
            if self._left <= 0:
                self.end(self._trap.how, forget=self._trap.forget)
                return
        self.server.close()

    def _look(self, data: bytes) -> None:
        """See whether the trap springs; the links of a proxy compete for it."""
        trap = self._proxy.trap
        if trap is None:
            return
        if trap is not self._trap:
            self._trap, self._stage, self._seen = trap, 0, b""
        self._seen += data
        while (marker := trap.markers[self._stage]) in self._seen:
            self._seen = self._seen.partition(marker)[2]
            self._stage += 1
            if self._stage == len(trap.markers):
                self._proxy.trap = None
                self._proxy.sprung += 1
                self._proxy.sprung_at = time.monotonic()
                # Of what came in one piece with the marker, `more` bytes may pass too.
                self._left = len(data) - len(self._seen) + trap.more
                return
        self._seen = self._seen[-len(marker) :]

    async def down(self, reader: asyncio.StreamReader) -> None:
        """Relay what the server says."""
        while data := await reader.read(_CHUNK):
            await self._proxy.flowing.wait()
            if self._left is not None and self._trap and self._trap.lose_answer:
                self.end(self._trap.how)
                return
            self.client.write(data)
            await self.client.drain()
        self.client.close()

    def end(self, how: How, *, forget: bool = False) -> None:
        """End the connection; the server's half too unless it is to be forgotten."""
        for writer in (self.client,) if forget else (self.client, self.server):
            end = writer.get_extra_info("socket")
            if how == "reset" and end is not None:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort() if how == "reset" else writer.close()
        if forget:
            self._proxy.forgotten.append(self.server)


class TcpProxy:
    """Relay every connection of a free loopback port to one server."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._loop = asyncio.new_event_loop()
        self._links: set[_Link] = set()
        self.trap: Trap | None = None
        self.sprung = 0
        # By time.monotonic.
        self.sprung_at = 0.0
        # Bytes that went up.
        self.passed = 0
        self.forgotten: list[asyncio.StreamWriter] = []
        self.port = 0
        self.flowing = asyncio.Event()

    def arm(self, trap: Trap) -> None:
        """Set the trap for the next client that says the markers."""
        self.trap = trap

    def cut(self, how: How = "reset") -> int:
        """End every connection that is open; return how many they were."""
        return self._do(self._cut(how))

    def stall(self) -> None:
        """Let nothing pass, in either direction, until `resume`."""
        self._loop.call_soon_threadsafe(self.flowing.clear)

    def resume(self) -> None:
        """Let everything pass again."""
        self._loop.call_soon_threadsafe(self.flowing.set)

    def remember(self) -> None:
        """End the servers' halves of the connections that were forgotten."""

        def close() -> None:
            for one in self.forgotten:
                one.close()

        self._loop.call_soon_threadsafe(close)

    def through(self, url: str) -> str:
        """Return the same database's URL by way of the proxy."""
        parts = conninfo_to_dict(url)
        return make_conninfo("", **{**parts, "host": "127.0.0.1", "port": self.port})

    async def _cut(self, how: How) -> int:
        links = list(self._links)
        for link in links:
            link.end(how)
        return len(links)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection(*self._server)
        except OSError:
            client.transport.abort()
            return
        link = _Link(self, client, server)
        self._links.add(link)
        try:
            ways = [
                asyncio.create_task(link.up(reader)),
                asyncio.create_task(link.down(from_server)),
            ]
            # When one half ends, in whatever way, so does the other.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            client.close()
            if server not in self.forgotten:
                server.close()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._links.discard(link)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    @contextmanager
    def running(self) -> Iterator[TcpProxy]:
        """Serve until the end of the block."""
        thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        thread.start()
        try:
            self._do(self._listen())
            yield self
        finally:
            self._do(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        self.flowing.set()

    async def _close(self) -> None:
        self.flowing.set()
        self._listener.close()
        await self._cut("reset")
        for one in self.forgotten:
            with suppress(OSError):
                one.transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait(tasks, timeout=5) if tasks else None
