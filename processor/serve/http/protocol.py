"""uvicorn's HTTP protocol, with what it lacks: limits for heads, and answers that need no waiting.

A lookup is a look into memory. To answer it, uvicorn would make a task, a cycle and messages, which costs
more than the answer. So a plain GET is first put to the application's `at_once`; what that does not answer
goes uvicorn's way.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from processor.serve.http.replies import Reply

__all__ = ["AtOnce", "GuardedProtocol"]

HEAD_WITHIN_S = 10.0
HEAD_MAX_BYTES = 64 * 1024

# Answers a GET of a target as it came, with its headers by their names in lower case; None: not at once.
AtOnce = Callable[[bytes, Mapping[bytes, bytes]], Reply | None]

# So many requests of one piece of data, then others have their turn.
AT_ONCE_MAX = 32
# With one of these there is more to a request than its head.
_MORE = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose request's head does not come in time, or does not end."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _answered = False
    _left_at_once = 0

    def __init__(self, config: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(config, *arguments, **more)
        self._at_once: AtOnce | None = getattr(config.loaded_app, "at_once", None)

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take in what came; a head that has not ended by now has its limits."""
        self._left_at_once = AT_ONCE_MAX
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_MAX_BYTES and not self.transport.is_closing():
            self.send_400_response("the head of the request is too large")
        elif self._timer is None:  # most heads come in one piece, and cost no timer
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes, self._answered = True, 0, False

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._in_head = False
        self._wait_no_more()
        reply = self._reply_at_once()
        if reply is None:
            super().on_headers_complete()
            return
        self._answered = True
        self._left_at_once -= 1
        self.transport.write(reply.to_bytes(self.server_state.default_headers))
        self.on_response_complete()

    def on_message_complete(self) -> None:
        """A request has ended; uvicorn knows nothing of one that is answered."""
        if not self._answered:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _reply_at_once(self) -> Reply | None:
        """Return the answer, if the request is a plain GET that can be answered now."""
        parser = self.parser
        if self._at_once is None or not self._left_at_once or parser.get_method() != b"GET":
            return None
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or not self._is_free():
            return None
        headers = dict(self.headers)
        return self._at_once(self.url, headers) if _MORE.isdisjoint(headers) else None

    def _is_free(self) -> bool:
        """Tell whether nothing comes first, the peer takes what it is sent, and there are not too many."""
        is_done = self.cycle is None or self.cycle.response_complete
        if not is_done or self.flow.write_paused or self.transport.is_closing():
            return False
        limit = self.limit_concurrency
        return limit is None or max(len(self.connections), len(self.tasks)) < limit

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
