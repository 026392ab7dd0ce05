"""The windowed table of failures in memory: of each host's ledger its failure sessions, no more."""

import heapq
from collections.abc import Iterable, Iterator

from processor.serve.queries import BadRowError, FailureSession, sessions_of

__all__ = ["SessionKey", "SessionRows", "newest_first"]

SessionKey = tuple[str, str, str]


class SessionRows:
    """The failure sessions of each host that has any.

    Attributes:
        hosts: host id to its sessions, oldest first.
        bad: records so far that were no ledger rows; they changed nothing.
    """

    __slots__ = ("bad", "hosts")

    def __init__(self) -> None:
        self.hosts: dict[str, tuple[FailureSession, ...]] = {}
        self.bad = 0

    def put(self, key: bytes | None, value: bytes | None) -> str | None:
        """Take in one record of the topic; returns the host if its sessions changed."""
        host = (key or b"").decode("utf-8", "backslashreplace")
        try:
            sessions = () if value is None else tuple(sessions_of(key or b"", value))
        except BadRowError:
            self.bad += 1
            return None
        if self.hosts.get(host, ()) == sessions:
            return None  # an event that was no failure
        if sessions:
            self.hosts[host] = sessions
        else:
            del self.hosts[host]
        return host

    def all(self) -> Iterator[FailureSession]:
        """Yield every session; nothing may change meanwhile."""
        for sessions in self.hosts.values():
            yield from sessions


def newest_first(
    sessions: Iterable[FailureSession], limit: int, after: SessionKey | None = None
) -> list[FailureSession]:
    """Return the sessions that ended last, newest first, then by host.

    Args:
        sessions: any.
        limit: how many at most.
        after: go on behind this one: its end, host and start.
    """
    rest = (each for each in sessions if after is None or _is_behind(each, after))
    return heapq.nlargest(limit, rest, key=lambda each: _Newest(each.end, each.host, each.start))


def _is_behind(session: FailureSession, mark: SessionKey) -> bool:
    end, host, start = mark
    return session.end < end or (session.end == end and (session.host, session.start) > (host, start))


class _Newest:
    """Orders by end; among equals the host and start that come first count as newer."""

    __slots__ = ("end", "rest")

    def __init__(self, end: str, host: str, start: str) -> None:
        self.end = end
        self.rest = (host, start)

    def __lt__(self, other: "_Newest") -> bool:
        return self.end < other.end or (self.end == other.end and self.rest > other.rest)
