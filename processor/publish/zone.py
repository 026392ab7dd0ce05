"""A log's local time means nothing without the zone of the machine that wrote it."""

import os
from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from processor.errors import FleetfoldError

__all__ = ["ZoneError", "zone_of"]

_LOCALTIME = Path("/etc/localtime")


class ZoneError(FleetfoldError):
    """There is no such zone."""


def zone_of(
    name: str | None = None, environment: Mapping[str, str] = os.environ, localtime: Path = _LOCALTIME
) -> tzinfo:
    """Return a zone with all its changes of summer time.

    Args:
        name: a name such as "Europe/Berlin"; None for the machine's: `TZ`, else `/etc/localtime`, else UTC.
        environment: where `TZ` is looked for; one that is no name of a zone is passed over.
        localtime: the machine's zone file.

    Raises:
        ZoneError: a given name is unknown.
    """
    if name is not None:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ZoneError(f"there is no time zone {name}: give a name such as Europe/Berlin") from error
    if named := environment.get("TZ", "").removeprefix(":"):
        try:
            return ZoneInfo(named)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # `TZ` may hold a rule such as CET-1CEST, which zoneinfo does not read
    try:
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError):
        return UTC
