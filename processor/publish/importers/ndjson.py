"""NDJSON: one `ComponentOutcome` a line, as the topic takes it; what a line leaves out is filled in.

Without `event_id` it is derived from the line and its place, without `host_id` it is the import's host,
without `timestamp` it is now.
"""

import orjson

from processor.publish.importers.base import Carry, Head, Importer, LineReader, Outcome, RawLine, Source
from schemas.times import to_us
from schemas.wire import validate_event

__all__ = ["NdjsonImporter"]


class NdjsonImporter(Importer):
    """Reads lines of JSON, from any program."""

    name = "ndjson"
    about = "one ComponentOutcome as JSON a line, from any program"
    pattern = "*.ndjson*"
    first_line_is_its_own = False

    def recognises(self, head: Head) -> bool:
        """Return whether a line is an object with a field that an event must have."""
        return any(_is_event(line) for line in head.lines)

    def reader(self, source: Source, carry: Carry) -> LineReader:
        """Return a reader of events."""
        del source, carry
        return _NdjsonReader()


class _NdjsonReader(LineReader):
    def feed(self, line: bytes, place: RawLine) -> None:
        if not line.strip():
            return
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error.msg}") from error
        event = validate_event(value)
        self.settle(
            Outcome(
                event.component_id,
                event.outcome_type,
                None if event.timestamp is None else to_us(event.timestamp),
                event.context,
                place,
                event_id=event.event_id,
                host_id=event.host_id,
            )
        )


def _is_event(line: bytes) -> bool:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and not value.keys().isdisjoint({"component_id", "outcome_type"})
