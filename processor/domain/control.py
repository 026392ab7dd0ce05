"""A control record: what a correction changes for one host, to be folded once, among its host's events.

It stands on `outcome-events` in the host's partition, marked by a header, and says what the host's ledger
must be for it to apply. The ledger follows from the events before it alone, and whoever made the record had
read them all; so it applies, unless somebody forged it, settings were changed, or the ledger forgot an idle
host. Then nothing is changed by it but that it is a dead letter, and only a rebuild takes its events back.

Applied or not, the correction's id takes a place in the host's ring: so the record cannot apply twice, and a
rebuild, which passes it over, comes to the same ring.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID

import orjson

from processor.domain.config import FoldConfig
from processor.domain.fingerprint import FINGERPRINT_BYTES, fingerprint
from processor.domain.ledger import EMPTY, Row, is_counted
from processor.domain.ledger import decode as decode_row
from processor.domain.packing import Delta, pack_taken_back, unpack_taken_back
from processor.domain.partition import partition_of
from processor.domain.record import CORRECTION_HEADER, GENERATION_HEADER, LAST_MS, Record, header_of
from processor.domain.sessions import Pair, Session
from processor.domain.totals import Totals

__all__ = [
    "CORRECTION_REFUSED",
    "MAC_HEADER",
    "VERSION",
    "Control",
    "ControlError",
    "Effect",
    "decode_control",
    "effect_of",
    "encode_control",
    "ledger_mark",
]

VERSION = 1

MAC_HEADER = "fleetfold-correction-mac"
"""HMAC-SHA256 of the value in hexadecimal, by the fleet's correction key, if it has one."""

CORRECTION_REFUSED = "correction_refused"
"""The reason of a dead letter: a control record that does not apply; its field says why."""

_MARK_BYTES = 16


class ControlError(ValueError):
    """A control record that does not apply; the text is one word for what is wrong."""


@dataclass(frozen=True, slots=True)
class Control:
    """What a correction changes for one host.

    Attributes:
        correction_id: which correction.
        partition: where the host lives.
        host: its id as UTF-8.
        mark: of its ledger before (`ledger_mark`).
        may_be_gone: the host was idle for so long that its row may be gone.
        forget: the row goes, with its ring.
        sessions: the host's sessions from then on.
        taken_back: by component what void events had counted: sums below 0, and their times.
        pair_changes: signed changes of pair counts.
        totals: signed changes of the partition's totals.
        generation: of which these ledgers and partitions are.
    """

    correction_id: UUID
    partition: int
    host: bytes
    mark: str
    may_be_gone: bool
    forget: bool
    sessions: tuple[Session, ...]
    taken_back: tuple[Delta, ...]
    pair_changes: tuple[tuple[Pair, int], ...]
    totals: Totals
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Effect:
    """What a control record comes to.

    Attributes:
        rows: the host's row from then on, EMPTY if it goes; none if it stays as it is.
        control: what is passed on; None if the record only left its note.
    """

    rows: dict[bytes, Row]
    control: Control | None


def ledger_mark(row: Row) -> str:
    """Return a short text that stands for a ledger's ring and sessions."""
    ring, _, sessions = row
    return blake2b(orjson.dumps([ring.hex(), sessions]), digest_size=_MARK_BYTES).hexdigest()


def encode_control(control: Control, key: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return a control record's value and headers.

    Args:
        control: what it says.
        key: the fleet's correction key; empty if it has none.
    """
    taken_back = pack_taken_back(control.taken_back, 1, 1 << 40)
    rebuilt = control.generation > 1
    value = orjson.dumps(
        {
            "v": VERSION,
            "correction_id": str(control.correction_id),
            "partition": control.partition,
            "host": control.host.decode(),
            "ledger": control.mark,
            "may_be_gone": control.may_be_gone,
            "forget": control.forget,
            "sessions": control.sessions,
            "stats": orjson.Fragment(taken_back[0][1]) if taken_back else None,
            "pairs": [(a, b, change) for (a, b), change in control.pair_changes],
            "totals": control.totals._asdict(),
            **({"generation": control.generation} if rebuilt else {}),
        }
    )
    headers = [(CORRECTION_HEADER, str(control.correction_id).encode())]
    if rebuilt:
        headers.append((GENERATION_HEADER, b"%d" % control.generation))
    if key:
        headers.append((MAC_HEADER, _mac(value, key)))
    return value, headers


def decode_control(record: Record, config: FoldConfig) -> Control:
    """Return what a control record says, if it was made by somebody who may.

    Raises:
        ControlError: it was forged ("signature"), or is of another version or form ("version", "value").
    """
    value, key = record.value or b"", config.correction_key
    stated = header_of(record, MAC_HEADER) or b""
    if not (hmac.compare_digest(stated, _mac(value, key)) if key else config.takes_unsigned):
        raise ControlError("signature")
    try:
        fields: dict[str, Any] = orjson.loads(value)
        if fields["v"] != VERSION:
            raise ControlError("version")
        stats = fields["stats"]
        return Control(
            UUID(fields["correction_id"]),
            int(fields["partition"]),
            fields["host"].encode(),
            fields["ledger"],
            bool(fields["may_be_gone"]),
            bool(fields["forget"]),
            tuple((start, end, names and tuple(names)) for start, end, names in fields["sessions"]),
            () if stats is None else tuple(unpack_taken_back(orjson.dumps(stats))),
            tuple(((a, b), change) for a, b, change in fields["pairs"]),
            Totals(**fields["totals"]),
            int(fields.get("generation", 1)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ControlError):
            raise
        raise ControlError("value") from error


def effect_of(
    record: Record,
    partition: int,
    rows: Mapping[bytes, Row | bytes],
    config: FoldConfig,
    *,
    note: bool,
) -> Effect:
    """Return what a control record changes, given the ledgers as they are where it stands.

    Args:
        record: the control record.
        partition: where it was read.
        rows: the ledgers of this partition's hosts.
        config: the folds' settings.
        note: it is only to leave its note in the ring: void events were never counted here.

    Raises:
        ControlError: it does not apply and leaves no note: "generation", "partition", "uncounted", or as
            `decode_control`.
    """
    control = decode_control(record, config)
    if control.generation != config.generation:
        raise ControlError("generation")  # its header says otherwise, which nobody signs
    if control.partition != partition or partition_of(control.host, config.partitions) != partition:
        raise ControlError("partition")
    known = rows.get(control.host)
    if known is EMPTY:
        known = None
    if isinstance(known, bytes) and not is_counted(known):
        raise ControlError("uncounted")  # a release before counted no sessions of it: nothing to take back
    row = EMPTY if known is None else decode_row(known) if isinstance(known, bytes) else known
    ring, _, sessions = row
    ring = ring[-config.ring_size * FINGERPRINT_BYTES :]
    heard_us = max(row[1], min(max(record.timestamp, 0), LAST_MS) * 1000)
    told = (ring + fingerprint(control.correction_id))[-config.ring_size * FINGERPRINT_BYTES :]
    if note or (
        ledger_mark((ring, 0, sessions)) != control.mark and not (known is None and control.may_be_gone)
    ):
        return Effect({} if known is None else {control.host: (told, heard_us, sessions)}, None)
    if known is None:  # only its note is kept, so that it cannot apply again
        return Effect({control.host: (told, heard_us, ())}, control)
    left = EMPTY if control.forget else (told, heard_us, control.sessions)
    return Effect({control.host: left}, control)


def _mac(value: bytes, key: bytes) -> bytes:
    return hmac.new(key, value, sha256).hexdigest().encode()
