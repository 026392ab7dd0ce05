"""Asks a service over kept-alive connections as fast as it answers; a cheap client, so raw streams."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Load", "request", "run_load"]

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: answers a second, and the time of one in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float
    failed: int


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def run_load(host: str, port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Send requests, one after the other on each connection.

    Args:
        host: of the service.
        port: of the service.
        requests: sent in turn.
        connections: how many at once.
        seconds: how long.
    """
    took_s: list[float] = []
    failed = 0
    end_s = time.perf_counter() + seconds

    async def one(number: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(host, port)
        while (began_s := time.perf_counter()) < end_s:
            writer.write(requests[number % len(requests)])
            head = await reader.readuntil(_END_OF_HEAD)
            begin = head.index(_LENGTH) + len(_LENGTH)
            await reader.readexactly(int(head[begin : head.index(b"\r", begin)]))
            took_s.append(time.perf_counter() - began_s)
            failed += not head.startswith(b"HTTP/1.1 200")
            number += connections
        writer.close()

    began_s = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(connections)))
    duration_s = time.perf_counter() - began_s
    took_s.sort()
    p50_s, p99_s = took_s[len(took_s) // 2], took_s[len(took_s) * 99 // 100]
    return Load(len(took_s) / duration_s, p50_s * 1000, p99_s * 1000, failed)
