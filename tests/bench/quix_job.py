"""The rival: Quix Streams, exactly once, with its RocksDB state, as its own users would write it.

Its state belongs to a message's key, and events are keyed by host: `group_by` sends each through a topic of
its own first. The row is the one of `component-stats`. No duplicates are dropped, no pairs counted, and the
rows go nowhere but to the state and its changelog. Its settings are its defaults, but for the guarantee and
a commit every second instead of every five: what `group_by` sends on can be read only after a commit, so
this is twice as fast.
"""

import json
import sys
import tempfile
from typing import Any

from quixstreams import Application

from tests.bench.measure import Stopwatch

COUNTERS = {
    "install_success": "install_successes",
    "install_failure": "install_failures",
    "used_in_session": "usage_count",
    "removed_by_user": "removal_count",
}
COMMIT_INTERVAL_S = 1.0
LAST = {"install_success": "last_success", "install_failure": "last_failure"}


def fold(event: dict[str, Any], state: Any) -> dict[str, Any]:
    """Count one event in its component's row."""
    row: dict[str, Any] = state.get("row") or dict.fromkeys(COUNTERS.values(), 0)
    outcome, at = event["outcome_type"], event["timestamp"]
    if outcome in COUNTERS:
        row[COUNTERS[outcome]] += 1
    row["first_seen"] = min(row.get("first_seen", at), at)
    if outcome in LAST:
        name = LAST[outcome]
        row[name] = max(row.get(name, at), at)
    state.set("row", row)
    return row


def main(bootstrap: str, topic: str, group: str, events: int) -> None:
    """Count until `events` went all the way, commit, and print the figures as JSON."""
    watches: list[Stopwatch] = []

    def on_message_processed(*_: object) -> None:
        if not watches:
            watches.append(Stopwatch())

    with tempfile.TemporaryDirectory() as state_dir:
        app = Application(
            broker_address=bootstrap,
            consumer_group=group,
            auto_offset_reset="earliest",
            processing_guarantee="exactly-once",
            state_dir=state_dir,
            on_message_processed=on_message_processed,
            commit_interval=COMMIT_INTERVAL_S,
            loglevel="WARNING",
        )
        frame = app.dataframe(app.topic(topic, value_deserializer="json"))
        frame.group_by("component_id").apply(fold, stateful=True)
        app.run(count=events, collect=False)
        watches[0].stop()
    print(json.dumps(watches[0].figures(events).as_dict()))  # noqa: T201 -- read by the benchmark


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
