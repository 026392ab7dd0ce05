"""The host ledger's encoding, its bounds, and who leaves it."""

import string
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from processor.domain.config import FoldConfig
from processor.domain.ledger import (
    EMPTY,
    FailureSession,
    LedgerError,
    Row,
    decode,
    encode,
    expire,
    is_counted,
    sessions_of,
)
from processor.domain.ring import is_in_ring
from processor.domain.sessions import add_failure

DAY_US = 86_400_000_000
NOW_US = 1_767_355_200_000_000
CONTROLS = "".join(map(chr, range(14, 32)))  # six bytes each in JSON
ROW: Row = (bytes(range(16)), NOW_US, ((NOW_US - 5, NOW_US, ("a", 'b"')), (NOW_US + 100, NOW_US + 100, None)))


def test_the_value_is_json_for_any_reader() -> None:
    """The ledger's value is plain JSON with a version, RFC 3339 times and the ring in base64."""
    assert orjson.loads(encode(ROW)) == {
        "v": 2,
        "heard": "2026-01-02T12:00:00.000000Z",
        "ring": "AAECAwQFBgcICQoLDA0ODw==",
        "sessions": [
            {
                "start": "2026-01-02T11:59:59.999995Z",
                "end": "2026-01-02T12:00:00.000000Z",
                "components": ["a", 'b"'],
            },
            {
                "start": "2026-01-02T12:00:00.000100Z",
                "end": "2026-01-02T12:00:00.000100Z",
                "components": None,
            },
        ],
    }
    assert decode(encode(ROW)) == ROW
    assert decode(encode(EMPTY)) == EMPTY


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"{}",
        b'{"v":1}',
        encode(ROW)[:-2],
        encode(ROW).replace(b"AAEC", b"!!!!"),
        b'{"v":1,"heard":3}',
    ],
)
def test_what_is_no_ledger_is_refused(value: bytes) -> None:
    """A value that is no ledger is an error that shows it, not a host without a past."""
    with pytest.raises(LedgerError, match="not a host ledger"):
        decode(value)


def test_another_version_is_refused() -> None:
    """A worker that is older than the ledger stops instead of misreading it."""
    with pytest.raises(LedgerError, match="version 3; this worker reads versions 1 and 2"):
        decode(encode(ROW).replace(b'"v":2', b'"v":3'))


def test_a_ledger_of_the_release_before_is_read() -> None:
    """S13: golden bytes of version 1: the same row; neither the host nor its sessions were counted then."""
    value = (
        b'{"v":1,"heard":"2026-01-02T12:00:00.000000Z","ring":"AAECAwQFBgcICQoLDA0ODw==","sessions":['
        b'{"start":"2026-01-02T11:59:59.999995Z","end":"2026-01-02T12:00:00.000000Z","components":["a","b\\""]},'
        b'{"start":"2026-01-02T12:00:00.000100Z","end":"2026-01-02T12:00:00.000100Z","components":null}]}'
    )
    assert decode(value) == ROW
    assert not is_counted(value)
    assert is_counted(encode(ROW))


@pytest.mark.parametrize("form", [lambda row: row, encode])
def test_sessions_for_readers(form: Callable[[Row], Any]) -> None:
    """`fleetfold failures` reads sessions from rows in memory and from the topic alike."""
    assert sessions_of(form(ROW)) == [
        FailureSession(NOW_US - 5, NOW_US, ("a", 'b"'), mass_failure=False),
        FailureSession(NOW_US + 100, NOW_US + 100, (), mass_failure=True),
    ]


def test_the_ring_knows_only_whole_fingerprints() -> None:
    """S4: bytes that straddle two fingerprints are no duplicate, even before a real one."""
    ring = b"abcdefgh" + b"ijklmnop" + b"efghijkl"
    assert is_in_ring(ring, b"abcdefgh")
    assert is_in_ring(ring, b"efghijkl")
    assert not is_in_ring(ring[:16], b"efghijkl")
    assert not is_in_ring(b"", b"abcdefgh")


def test_idle_hosts_leave() -> None:
    """S4: a host not heard for more than 30 days leaves, encoded or not; after exactly 30 days it stays."""
    edge_us = NOW_US - 30 * DAY_US
    rows: dict[bytes, Row | bytes] = {
        b"new": (b"", NOW_US, ()),
        b"edge": (b"", edge_us, ()),
        b"old": (b"", edge_us - 1, ()),
        b"encoded": encode((b"", NOW_US, ())),
        b"encoded edge": encode((b"", edge_us, ())),
        b"encoded old": encode((b"", edge_us - 1, ())),
        b"spaced old": encode((b"", edge_us - 1, ())).replace(b'"v":2,', b'"v": 2, '),
        b"former": encode((b"", edge_us, ())).replace(b'"v":2,', b'"v":1,'),
        b"former old": encode((b"", edge_us - 1, ())).replace(b'"v":2,', b'"v":1,'),
    }
    gone = [b"old", b"encoded old", b"spaced old", b"former old"]
    assert expire(rows, NOW_US, FoldConfig()) == gone
    assert expire(rows, 0, FoldConfig()) == []


@pytest.mark.parametrize("ring_size", [64, 4_096])
@pytest.mark.parametrize(
    ("cap", "alphabet", "id_bytes"), [(0, string.ascii_letters + string.digits, 259), (50, CONTROLS, 1_539)]
)
def test_the_fullest_ledger_fits_a_record(cap: int, alphabet: str, id_bytes: int, ring_size: int) -> None:
    """X12: a host with sessions all through the retention, each full of long ids, stays under the limit."""
    config = FoldConfig(mass_failure_cap=cap, ring_size=ring_size)
    row: Row = (bytes(8 * ring_size), NOW_US, ())
    step_us = config.gap_us + 1
    for session in range(config.sessions_max + 3):
        for number in range(config.session_limit_bytes // id_bytes):
            name = alphabet[number] * 256
            sessions, effect = add_failure(row[2], name, NOW_US + session * step_us, config)
            row = (row[0], row[1], sessions)
            assert not effect[-1]
    assert len(row[2]) >= config.sessions_max - 1
    spared = (id_bytes + 60) * config.sessions_max + 20_000
    assert config.ledger_limit_bytes - spared < len(encode(row)) <= config.ledger_limit_bytes


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"gap_us": 1_000_000}, "shorten the retention"),
        ({"ledger_limit_bytes": 10_000}, "shorten the retention"),
        ({"partitions": 0}, "partitions is 0"),
        ({"gap_us": 0}, "gap_us is 0"),
        ({"ring_size": 0}, "ring_size is 0"),
    ],
)
def test_settings_that_break_the_bounds_are_refused(setting: dict[str, Any], message: str) -> None:
    """X12: settings that would let a ledger outgrow its record stop the start and say why."""
    with pytest.raises(ValueError, match=message):
        FoldConfig(**setting)
