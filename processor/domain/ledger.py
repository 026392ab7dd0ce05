"""The host ledger: what must be remembered of one host to count each event once and each pair exactly.

A row is a plain tuple, which is small and quick; `encode` and `decode` are inverse. Rows that recovery brings
back stay encoded until a fold touches them.
"""

from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from processor.domain.config import FoldConfig
from processor.domain.sessions import Session
from schemas.times import format_us, parse_us

__all__ = [
    "EMPTY",
    "VERSION",
    "FailureSession",
    "LedgerError",
    "Row",
    "decode",
    "encode",
    "expire",
    "is_counted",
    "sessions_of",
]

Row = tuple[bytes, int, tuple[Session, ...]]
"""The fingerprints of the last event ids, oldest first; when last heard, in microseconds; recent sessions."""

EMPTY: Row = (b"", 0, ())
"""The row of a host that was never heard of."""

VERSION = 2
_UNCOUNTED = 1  # the version before: neither the host nor its sessions are among the totals

_HEARD = b'{"v":%d,"heard":"'
_HEARDS = (_HEARD % VERSION, _HEARD % _UNCOUNTED)
_HEARD_AT = len(_HEARDS[0])
_HEARD_END = _HEARD_AT + len("2026-01-02T03:04:05.000006Z")


class LedgerError(ValueError):
    """A ledger value that this version cannot read."""


@dataclass(frozen=True, slots=True)
class FailureSession:
    """One session of failures on a host, for readers.

    Attributes:
        start_us: the first failure, in microseconds since the epoch.
        end_us: the last failure.
        components: the distinct components in order; empty after a mass failure, which keeps none.
        mass_failure: too many components failed to say anything about pairs.
    """

    start_us: int
    end_us: int
    components: tuple[str, ...]
    mass_failure: bool


def encode(row: Row) -> bytes:
    """Return the row as a value of `host-ledger`: JSON, fields in a fixed order."""
    ring, heard_us, sessions = row
    return b'%b%b","ring":"%b","sessions":[%b]}' % (
        _HEARDS[0],
        _format(heard_us),
        b2a_base64(ring, newline=False),
        b",".join(map(_encode_session, sessions)) if sessions else b"",
    )


def decode(value: bytes) -> Row:
    """Return the row of a `host-ledger` value.

    Raises:
        LedgerError: the value is of another version, or not a ledger at all.
    """
    try:
        fields = orjson.loads(value)
        version = fields["v"]
        if version not in {VERSION, _UNCOUNTED}:
            raise LedgerError(
                f"a host ledger of version {version!r}; this worker reads versions {_UNCOUNTED} and {VERSION}"
            )
        return (
            b64decode(fields["ring"], validate=True),
            parse_us(fields["heard"]),
            tuple(_session(each) for each in fields["sessions"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, LedgerError):
            raise
        raise LedgerError(f"not a host ledger: {value[:80]!r}: {error}") from error


def is_counted(value: bytes) -> bool:
    """Say whether a host and its sessions are in the totals; before there were any, values had version 1."""
    return not value.startswith(_HEARDS[1])


def sessions_of(row: Row | bytes) -> list[FailureSession]:
    """Return a host's recent failure sessions, oldest first.

    Raises:
        LedgerError: an encoded row is of another version, or not a ledger at all.
    """
    _, _, sessions = decode(row) if isinstance(row, bytes) else row
    return [FailureSession(start, end, names or (), names is None) for start, end, names in sessions]


def expire(hosts: Mapping[bytes, Row | bytes], watermark_us: int, config: FoldConfig) -> list[bytes]:
    """Return the hosts that were not heard for longer than `host_idle_us`: their rows leave with a tombstone.

    A host is heard when its record arrives, not when its event happened: one that sends last year's history
    is not idle. So no session is forgotten under a host that still sends.

    Args:
        hosts: the partition's rows, encoded or not.
        watermark_us: the partition's newest record time (`IntakeResult.newest_us`).
        config: how long a host may be idle.
    """
    heard_from_us = watermark_us - config.host_idle_us
    return list(_idle(hosts.items(), heard_from_us))


def _idle(rows: Iterable[tuple[bytes, Row | bytes]], heard_from_us: int) -> Iterable[bytes]:
    """Yield the hosts last heard before; times of one width compare as text, so no row is decoded for it."""
    heard_from = _format(max(heard_from_us, 0))
    for host, row in rows:
        if isinstance(row, bytes) and row.startswith(_HEARDS):
            if row[_HEARD_AT:_HEARD_END] < heard_from:
                yield host
        elif (decode(row) if isinstance(row, bytes) else row)[1] < heard_from_us:
            yield host


@lru_cache(maxsize=4096)
def _format(at_us: int) -> bytes:
    """Return a record's time as text; the broker stamps a whole batch with one time."""
    return format_us(at_us).encode()


@lru_cache(maxsize=32_768)
def _encode_session(session: Session) -> bytes:
    """Return a session as JSON; each batch writes its hosts' rows anew, most sessions as before."""
    start_us, end_us, components = session
    fields = {"start": format_us(start_us), "end": format_us(end_us), "components": components}
    return bytes(memoryview(orjson.dumps(fields)))  # a copy: orjson's own result keeps its whole buffer


def _session(fields: Mapping[str, Any]) -> Session:
    components = fields["components"]
    names = None if components is None else tuple(components)
    return parse_us(fields["start"]), parse_us(fields["end"]), names
