"""All verdicts as a command needs them, overrides included: from a service, the topics, or as last seen."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import TypeAdapter, ValidationError

from processor.files import write_atomically
from schemas.overrides import HeldVerdict

if TYPE_CHECKING:
    from processor.settings import Settings

__all__ = ["Held", "Snapshot", "all_held"]

logger = logging.getLogger(__name__)

Held = Mapping[str, list[HeldVerdict]]

_HELD: TypeAdapter[dict[str, list[HeldVerdict]]] = TypeAdapter(dict[str, list[HeldVerdict]])


async def all_held(settings: "Settings") -> Held:
    """Return the verdicts by component.

    Raises:
        FleetfoldError: neither the service nor Kafka answers.
    """
    if settings.url:
        from processor.cli.remote import Service

        async with Service(settings.url) as service:
            found = await service.pages("verdicts", "components", {})
        return _HELD.validate_python({each["component_id"]: each["verdicts"] for each in found})
    from processor.serve.reader import read_snapshot
    from processor.serve.verdictrows import VerdictRows
    from schemas.topics import OVERRIDES, VERDICTS

    options = settings.kafka_options()
    verdicts, overrides = await asyncio.gather(
        read_snapshot(settings.topic(VERDICTS), options), read_snapshot(settings.topic(OVERRIDES), options)
    )
    rows = VerdictRows()
    rows.put(_Record(key, value) for key, value in verdicts.rows.items())
    rows.put_overrides(_Record(key, value) for key, value in overrides.rows.items())
    rows.expire(datetime.now(UTC))
    return rows.rows


class _Record:
    """A record as `VerdictRows` takes it: the newest of its key."""

    def __init__(self, key: bytes, value: bytes) -> None:
        self.key = key
        self.value = value


class Snapshot:
    """The verdicts that this machine saw last, in a file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[Held, float] | None:
        """Return the verdicts and their age in seconds; None if there is no file, or a bad one."""
        try:
            told = orjson.loads(self._path.read_bytes())
            return _HELD.validate_python(told["held"]), max(time.time() - float(told["at_s"]), 0.0)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            logger.warning("the verdicts kept in %s cannot be read: %s", self._path, error)
            return None

    def save(self, held: Held) -> None:
        """Keep verdicts; a full disk costs nothing but the file."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            told = {"at_s": time.time(), "held": _HELD.dump_python(dict(held), mode="json")}
            write_atomically(self._path, orjson.dumps(told))
        except OSError as error:
            logger.warning("the verdicts could not be kept in %s: %s", self._path, error)
