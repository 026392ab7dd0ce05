"""Forwarding: an event that arrived in the wrong partition goes on to the right one, once.

A host's events must meet in one partition, but not every publisher's partitioner agrees with ours, and some
send no key. The copy says where it came from; a copy that is in the wrong place again is not sent in circles.
"""

import orjson

from processor.domain.record import (
    FROM_HEADER,
    TIME_HEADER,
    DeadLetter,
    Forward,
    Record,
    header_of,
    record_ms,
)
from schemas.limits import cut_context

__all__ = ["MISROUTED_TWICE", "WHOLE_BYTES_MAX", "forward", "settled_value"]

MISROUTED_TWICE = "misrouted_twice"
"""The reason of a dead letter: a copy whose host belongs in yet another partition.

Only a topic with another number of partitions than the one where the copy was made holds such a record, such
as a mirror. To count it here would split its host's state, and to forward it again might never end.
"""

# A copy must fit wherever its original did, and it has headers and maybe a host id more. So one larger than
# any plain event keeps only the contract's fields; those of newer publishers stay in the original.
WHOLE_BYTES_MAX = 65_536

_CONTRACT = ("component_id", "outcome_type", "timestamp", "context", "event_id", "host_id")


def forward(record: Record, source: str, host: bytes, partition: int) -> Forward | DeadLetter:
    """Return the copy of a valid event for its host's partition, or a dead letter if it is a copy already.

    Args:
        record: the record that the event came in.
        source: where it was read, as `topic/partition`.
        host: its settled host id, as UTF-8.
        partition: where the host lives.
    """
    if header_of(record, FROM_HEADER) is not None:
        return DeadLetter(record, MISROUTED_TWICE, "host_id")
    origin = f"{source}/{record.offset}"
    headers = ((FROM_HEADER, origin.encode()), (TIME_HEADER, b"%d" % max(record_ms(record), 0)))
    return Forward(partition, host, settled_value(record.value or b"", host), headers)


def settled_value(value: bytes, host: bytes) -> bytes:
    """Return the event with its host id: the very bytes, if they hold it and are not too many."""
    fields = orjson.loads(value)
    if len(value) <= WHOLE_BYTES_MAX:
        if fields.get("host_id") is not None:
            return value
        try:
            return orjson.dumps(fields | {"host_id": host.decode()})
        except orjson.JSONEncodeError:
            pass  # an unknown field is nested deeper than can be written, though not deeper than can be read
    contract = {name: fields[name] for name in _CONTRACT if fields.get(name) is not None}
    contract["host_id"] = host.decode()
    if "context" in contract:
        contract["context"] = cut_context(contract["context"])
    return orjson.dumps(contract)
