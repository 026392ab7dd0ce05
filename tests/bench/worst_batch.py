"""What the worst batch costs a worker: `python -m tests.bench.worst_batch` folds and packs it, brokerless.

Every record is a failure of a component that no other session knows, with the longest id, and each session is
as full as may be: no history makes more pairs of as many records. Prints the peak of memory beside the
batch's own, the CPU time, and what the batch would write.
"""

import resource
import time

import orjson

from processor.domain.intake import fold
from processor.domain.ledger import encode
from processor.domain.packing import pack_deltas, pack_pairs
from processor.settings import load_settings
from schemas import COMPONENT_ID_MAX
from tests.records import FakeRecord, at, uuid_of

__all__: list[str] = []

_FETCH_BYTES_OF_RECORD = 110  # a record's own frame and key, beside its value, uncompressed


def main() -> None:
    """Make the batch, fold it, and print what it came to."""
    settings = load_settings(partitions=1)
    config = settings.fold_config()
    records: list[FakeRecord] = []
    size = 0
    while size < settings.fetch_max_bytes and len(records) < settings.max_batch_records:
        session, number = divmod(len(records), settings.mass_failure_cap)
        fields = {
            "component_id": f"{session:08}-{number:02}-".ljust(COMPONENT_ID_MAX, "x"),
            "outcome_type": "install_failure",
            "timestamp": at(0),
            "event_id": uuid_of(len(records)),
            "host_id": f"h{session}",
        }
        value = orjson.dumps(fields)
        size += len(value) + _FETCH_BYTES_OF_RECORD
        records.append(FakeRecord(offset=len(records), key=fields["host_id"].encode(), value=value))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin_s = time.process_time()
    result = fold(records, 0, {}, config)
    values = [value for _, value in pack_pairs(result.pair_changes, 1, settings.max_message_bytes - 2_048)]
    values += [
        value
        for _, value in pack_deltas(result.deltas, result.spreads, 1, settings.max_message_bytes - 2_048)
    ]
    values += [encode(row) for row in result.ledgers.values()]
    cpu_s = time.process_time() - begin_s
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(  # noqa: T201
        f"{len(records):,} records ({size / 2**20:.0f} MiB): {len(result.pair_changes):,} pair changes, "
        f"{sum(map(len, values)) / 2**20:.0f} MiB written, {cpu_s:.1f} s of CPU, "
        f"{(peak_kib - before_kib) / 1024:.0f} MiB more memory at the peak"
    )


if __name__ == "__main__":
    main()
