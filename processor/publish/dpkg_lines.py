"""One line of a dpkg log says one thing, at one moment of the machine's local time.

The grammar is that of dpkg(1), "--log": `startup TYPE COMMAND`, `status STATE PACKAGE VERSION`,
`ACTION PACKAGE OLD NEW` and `conffile FILE DECISION`. What is well formed but says nothing about an
install or a removal (`trigproc`, `conffile`, verbs of a later dpkg) is `None`, not an error.

Local time is ambiguous for one hour in autumn. A log is written in order, so the first reading is taken
unless it would go back by more than a minute behind the line before: then it is the second. Where an
ambiguous hour holds no step back, nothing tells the two apart, and the first is taken.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["ACTIONS", "Line", "LocalClock", "parse_line"]

ACTIONS = frozenset({"install", "upgrade", "configure", "remove", "purge"})

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([a-z-]+) (.+)")
_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9+._-]*)(?::([a-z0-9-]+))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_BACK_US = 60_000_000
_PACKAGE_MAX = 200  # quoted; a package URL must fit into a component id
_STATUS_WORDS = 3
_ACTION_WORDS = 3


class Line(NamedTuple):
    """What one line says.

    `verb` is "startup" (`detail`: such as "archives unpack"), "status" (`detail`: the state, `new`: the
    version it holds for) or one of `ACTIONS` (`old`, `new`: the versions).
    """

    stamp: str
    verb: str
    detail: str = ""
    package: str = ""
    arch: str = ""
    old: str = ""
    new: str = ""


def parse_line(raw: bytes) -> Line | None:
    """Return what a line says, or None when it says nothing about an install or a removal.

    Args:
        raw: the line without its newline.

    Raises:
        ValueError: it is no line of a dpkg log.
    """
    found = _LINE.fullmatch(raw.decode("utf-8"))
    if found is None:
        raise ValueError("no line of a dpkg log")
    stamp, verb, rest = found.groups()
    if verb == "startup":
        return Line(stamp, verb, rest.strip())
    words = rest.split(" ")
    if verb == "status":
        if len(words) != _STATUS_WORDS:
            raise ValueError("a status line has a state, a package and a version")
        state, package, version = words
        name, arch = _package(package)
        return Line(stamp, verb, state, name, arch, new=version)
    if verb not in ACTIONS:
        return None
    if len(words) != _ACTION_WORDS:
        raise ValueError("an action has a package and two versions")
    package, old, new = words
    name, arch = _package(package)
    return Line(stamp, verb, "", name, arch, old, new)


def _package(text: str) -> tuple[str, str]:
    found = _PACKAGE.fullmatch(text)
    if found is None or len(quote(text, safe="")) > _PACKAGE_MAX:
        raise ValueError("no name of a package")
    return found[1].lower(), found[2] or ""


class LocalClock:
    """Turns local time stamps, in the order of their lines, into microseconds since the epoch.

    Args:
        zone: the zone in which the log was written.
        last_us: the time of the line before the first, if there was one.
    """

    def __init__(self, zone: tzinfo, last_us: int | None = None) -> None:
        self._zone = zone
        self._stamp = ""
        self.last_us = last_us

    def read(self, stamp: str) -> int:
        """Return the time of a line's stamp (`YYYY-MM-DD hh:mm:ss`) and remember it.

        Raises:
            ValueError: there is no such day or time.
        """
        if stamp == self._stamp and self.last_us is not None:
            return self.last_us
        local = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=self._zone)
        time_us = _to_us(local)
        if self.last_us is not None and time_us < self.last_us - _BACK_US:
            second_us = _to_us(local.replace(fold=1))
            time_us = max(time_us, second_us)
        self._stamp, self.last_us = stamp, time_us
        return time_us


def _to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _US
