"""A TCP proxy between workers and broker that drops, delays or holds requests of a chosen kind.

It reads no more of Kafka's protocol than frame lengths and a request's api key; answers come in the
order of their requests.
"""

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

__all__ = ["Api", "Fault", "Proxy"]

LOOPBACK = "127.0.0.1"
WAIT_LIMIT_S = 30
BROKEN = (asyncio.IncompleteReadError, ConnectionError)


class Api(enum.IntEnum):
    """Kafka's numbers of the requests that a worker sends."""

    PRODUCE = 0
    FETCH = 1
    JOIN_GROUP = 11
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


@dataclass(eq=False)
class Fault:
    """What happens to the next requests of one kind.

    Attributes:
        api: the kind.
        after: False: the request does not reach the broker (in time); True: only its answer is hit.
        delay_s: how long it is kept; 0 drops the connection; None keeps it until `release`.
        times: to how many requests it happens; None: to all.
        match: only to requests that hold these bytes.
    """

    api: Api
    after: bool = False
    delay_s: float | None = 0
    times: int | None = 1
    match: bytes = b""
    _hit: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def hits(self) -> None:
        """Wait until it happens.

        Raises:
            TimeoutError: no such request came in time.
        """
        async with asyncio.timeout(WAIT_LIMIT_S):
            await self._hit.wait()

    async def is_over(self) -> None:
        """Wait until a request that was kept has gone on to the broker, and its answer has come.

        Raises:
            TimeoutError: it did not, in time.
        """
        async with asyncio.timeout(WAIT_LIMIT_S):
            await self._over.wait()

    def release(self) -> None:
        """Let go of what is kept, and keep nothing more."""
        self.times = 0
        self._released.set()

    def takes(self, api: int, frame: bytes) -> bool:
        """Whether the fault happens to this request; if so, it counts as one."""
        if api != self.api or self.times == 0 or self.match not in frame:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    async def happen(self) -> None:
        """Keep, or drop.

        Raises:
            ConnectionAbortedError: the connection is to be dropped.
        """
        self._hit.set()
        if self.delay_s == 0:
            raise ConnectionAbortedError
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.delay_s):
                await self._released.wait()


UnderWay = asyncio.Queue[Fault | None]  # one for each request that the broker has yet to answer


class Proxy:
    """Forwards from one port to another.

    Args:
        port: where workers connect.
        target_port: the broker's listener, which advertises `port`.
    """

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self._target_port = target_port
        self._faults: list[Fault] = []
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT` for workers."""
        return f"{LOOPBACK}:{self.port}"

    def arm(self, fault: Fault) -> Fault:
        """Let a fault happen from now on; of several that fit, the first does."""
        self._faults.append(fault)
        return fault

    def disarm(self) -> None:
        """Forward everything again."""
        faults, self._faults = self._faults, []
        for fault in faults:
            fault.release()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Listen; leave with every connection closed."""
        server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._forward(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(_close, writer)
            try:
                answers, requests = await asyncio.open_connection(LOOPBACK, self._target_port)
            except ConnectionError:
                return
            stack.push_async_callback(_close, requests)
            under_way: UnderWay = asyncio.Queue()
            pumps = [
                asyncio.create_task(self._pump_requests(reader, requests, under_way)),
                asyncio.create_task(self._pump_answers(answers, writer, under_way)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, under_way: UnderWay
    ) -> None:
        try:
            while True:
                frame = await _frame(reader)
                api = int.from_bytes(frame[4:6], "big")
                fault = next((one for one in self._faults if one.takes(api, frame)), None)
                if fault is not None and not fault.after:
                    await fault.happen()
                under_way.put_nowait(fault)
                writer.write(frame)
                await writer.drain()
        except asyncio.IncompleteReadError:
            await under_way.join()  # the broker obeys a worker that is gone all the same
        except ConnectionError:
            pass

    async def _pump_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, under_way: UnderWay
    ) -> None:
        with contextlib.suppress(*BROKEN):
            while True:
                frame = await _frame(reader)
                fault = under_way.get_nowait()
                if fault is not None and fault.after:
                    await fault.happen()
                if not writer.is_closing():
                    writer.write(frame)
                    await writer.drain()
                under_way.task_done()
                if fault is not None:
                    fault._over.set()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size, "big"))


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(*BROKEN):
        await writer.wait_closed()
