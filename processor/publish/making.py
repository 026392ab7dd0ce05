"""An event says what its caller meant to say and no more: the host is hashed, the context is redacted.

Whatever publishes for this machine makes its events here. What the topic would not take is refused at once,
with the field and the reason that a dead letter would have.
"""

import getpass
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from processor.publish.encoding import EncodedEvent
from processor.publish.host import hash_host
from processor.publish.redaction import Redact, redact, redactor
from processor.publish.uuid7 import UUID_FORMAT, uuid7_parts
from schemas import COMPONENT_ID_MAX, HOST_ID_MAX, OutcomeType
from schemas.outcome import parse_event_id
from schemas.times import format_us, to_us
from schemas.wire import WireReason

__all__ = ["EventMaker", "MadeEvent", "RefusedEventError", "redactor_of_this_machine"]

_TYPES: Final = {outcome_type.value: outcome_type.value for outcome_type in OutcomeType}


class RefusedEventError(ValueError):
    """What was given is no event that the topic takes.

    Attributes:
        field: the field at fault.
        reason: a code, one of `schemas.wire.WireReason`, or `not_text`.
    """

    def __init__(self, field: str, reason: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field: Final = field
        self.reason: Final = str(reason)


class MadeEvent(NamedTuple):
    """An event that is ready to be sent, and its id as text."""

    event_id: str
    encoded: EncodedEvent


class EventMaker:
    """Makes events of one machine.

    Args:
        host_id: this machine's id as it is published; None if it has none, so that each event must name one.
        hash_name: turns the name of another host into its id.
        redacted: what is done to each context.
    """

    def __init__(
        self, host_id: str | None, hash_name: Callable[[str], str], redacted: Redact = redact
    ) -> None:
        self.host_id = host_id
        self._own_host = None if host_id is None else _host_parts(host_id)
        self._host_of = lru_cache(maxsize=1 << 16)(lambda name: _host_parts(_hashed(name, hash_name)))
        self._head = lru_cache(maxsize=1 << 12)(_head)
        self._context = lru_cache(maxsize=1 << 9)(lambda context: _json(redacted(context), "context"))

    def make(
        self,
        component_id: str,
        outcome_type: str,
        context: str = "",
        *,
        host: str | None = None,
        timestamp: datetime | None = None,
        event_id: UUID | None = None,
    ) -> MadeEvent:
        """Return an event of now, or of a given time (without a zone: in UTC).

        Raises:
            RefusedEventError: the topic would not take it.
        """
        if not isinstance(component_id, str) or not isinstance(context, str):
            field = "context" if isinstance(component_id, str) else "component_id"
            raise RefusedEventError(field, WireReason.WRONG_TYPE, "must be text")
        if not 1 <= len(component_id) <= COMPONENT_ID_MAX:
            reason = WireReason.TOO_LONG if component_id else WireReason.EMPTY
            raise RefusedEventError("component_id", reason, f"must have 1 to {COMPONENT_ID_MAX} characters")
        kind = _TYPES.get(outcome_type) if isinstance(outcome_type, str) else None
        if kind is None:
            allowed = ", ".join(_TYPES)
            raise RefusedEventError(
                "outcome_type", WireReason.UNKNOWN_OUTCOME_TYPE, f"must be one of {allowed}"
            )
        key, host_json = self._host(host)
        second, rest_us = _time(timestamp)
        text = UUID_FORMAT % uuid7_parts() if event_id is None else _given_id(event_id)
        head, context_json = self._head(component_id, kind), self._context(context)
        # Put together from parts that are encoded once: orjson would take three times as long.
        value = b'%b,"context":%b,"timestamp":"%b.%06dZ","event_id":"%b","host_id":%b}' % (
            (head, context_json, second, rest_us, text.encode(), host_json)
        )
        return MadeEvent(text, EncodedEvent(key, value))

    def _host(self, host: str | None) -> tuple[bytes, bytes]:
        if host is None:
            if self._own_host is None:
                raise RefusedEventError("host_id", WireReason.MISSING, "this machine has no id: name one")
            return self._own_host
        if not isinstance(host, str):
            raise RefusedEventError("host_id", WireReason.WRONG_TYPE, "must be text")
        if len(host) > HOST_ID_MAX:
            raise RefusedEventError("host_id", WireReason.TOO_LONG, f"has at most {HOST_ID_MAX} characters")
        return self._host_of(host)

    @classmethod
    def of_this_machine(
        cls, host_id: str | None, salt: str, *, plain: bool, redacted: Redact | None = None
    ) -> "EventMaker":
        """Return a maker with this machine's names redacted, which names other hosts by the fleet's salt."""
        name: Callable[[str], str] = str if plain else lambda host: hash_host(host, salt)
        return cls(host_id, name, redacted or redactor_of_this_machine())


def redactor_of_this_machine() -> Redact:
    """Return `redact` with this user's home folder and name, and this machine's host name."""
    try:
        home, user = str(Path.home()), getpass.getuser()
    except (OSError, KeyError, RuntimeError):  # a user without an entry in the list of users
        home = user = ""
    return redactor(home, user, platform.node())


def _time(timestamp: datetime | None) -> tuple[bytes, int]:
    """Return a time as its second, written out, and the microseconds in it."""
    if timestamp is None:
        time_us = time.time_ns() // 1_000
    else:
        try:
            time_us = to_us(timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC))
        except (TypeError, AttributeError) as error:
            raise RefusedEventError("timestamp", WireReason.BAD_TIMESTAMP, "must be a datetime") from error
    second, rest_us = divmod(time_us, 1_000_000)
    return _second(second), rest_us


@lru_cache(maxsize=64)
def _second(second: int) -> bytes:
    return format_us(second * 1_000_000)[:19].encode()


def _given_id(event_id: object) -> str:
    try:
        return str(parse_event_id(str(event_id)))
    except ValueError as error:
        raise RefusedEventError("event_id", WireReason.BAD_EVENT_ID, str(error)) from error


def _hashed(name: str, hash_name: Callable[[str], str]) -> str:
    try:
        return hash_name(name)
    except UnicodeEncodeError as error:
        raise RefusedEventError("host_id", "not_text", "is no UTF-8 text") from error


def _host_parts(host_id: str) -> tuple[bytes, bytes]:
    text = _json(host_id, "host_id")
    return host_id.encode(), text


def _head(component_id: str, outcome_type: str) -> bytes:
    """Return the beginning of an event's JSON, up to its type."""
    return b'{"component_id":%b,"outcome_type":"%b"' % (
        _json(component_id, "component_id"),
        outcome_type.encode(),
    )


def _json(text: str, field: str) -> bytes:
    try:
        return bytes(memoryview(orjson.dumps(text)))  # a copy: what orjson returns keeps its whole buffer
    except TypeError as error:
        raise RefusedEventError(field, "not_text", "holds characters that no UTF-8 text has") from error
