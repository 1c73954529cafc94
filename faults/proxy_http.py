"""An HTTP proxy that spoils answers, between the backfill and a real Prometheus."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

import httpx


@dataclass(frozen=True)
class Answer:
    """Hold what goes back to the client; `promised` bytes more than are sent cut it short."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    promised: int = 0
    seconds: float = 0
    reset: bool = False


Change = Callable[[Answer], Answer]


class HttpProxy(ThreadingHTTPServer):
    """Relay to one server, and change the answers to range queries while told to."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.source = url
        self.client = httpx.Client(timeout=60, trust_env=False)
        self._change: Change | None = None
        self._times = 0
        self._skip = 0
        self._lock = Lock()
        # Set, it ends the wait of slow answers.
        self.closing = Event()
        self.spoiled = 0
        # By time.monotonic.
        self.spoiled_at = 0.0
        self.asked = 0
        self.endpoint = "query_range"

    @property
    def url(self) -> str:
        """Return the proxy's base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spoil(
        self, change: Change, *, times: int, after: int = 0, endpoint: str = "query_range"
    ) -> None:
        """Change the next answers, `times` of them, once `after` have passed as they are."""
        with self._lock:
            self._change, self._times, self._skip = change, times, after
            self.endpoint = endpoint

    def mend(self) -> None:
        """Pass on every answer as it is."""
        with self._lock:
            self._times = 0

    def changed(self, path: str, answer: Answer) -> Answer:
        """Return what is to be sent for an answer of the server."""
        with self._lock:
            self.asked += 1
            if self._change is None or not path.endswith(self.endpoint):
                return answer
            if self._skip:
                self._skip -= 1
                return answer
            if not self._times:
                return answer
            self._times -= 1
            self.spoiled += 1
            self.spoiled_at = time.monotonic()
            change = self._change
        return change(answer)

    @contextmanager
    def running(self) -> Iterator[HttpProxy]:
        """Serve until the end of the block."""
        thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self.shutdown()
            thread.join()
            self.server_close()
            self.client.close()


class _Handler(BaseHTTPRequestHandler):
    server: HttpProxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        asked = self.rfile.read(length)
        kind = self.headers.get("Content-Type", "")
        found = self.server.client.request(
            self.command, self.server.source + self.path, content=asked,
            headers={"Content-Type": kind, "Accept-Encoding": "identity"},
        )  # fmt: skip
        answer = Answer(
            found.status_code, found.content, found.headers.get("content-type", "text/plain")
        )
        self._send(self.server.changed(self.path.partition("?")[0], answer))

    do_GET = do_POST

    def _send(self, answer: Answer) -> None:
        if answer.seconds:
            # The slowness is the fault.
            self.server.closing.wait(answer.seconds)
        if answer.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body) + answer.promised))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
        except OSError:
            # It did not wait for the end.
            self.close_connection = True
        self.close_connection = self.close_connection or answer.promised > 0

    def log_message(self, *_: object) -> None:
        pass
