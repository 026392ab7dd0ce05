"""A run of dpkg ends, and only then is it known what it left behind.

apt calls dpkg several times for one change: `archives unpack` leaves packages unpacked on purpose, and
a later `packages configure` finishes them. So an unpacked package fails only at the end of its *run*:
a chain of calls less than a minute apart. A run ends also where a package failed (apt stops there) and
before an `archives install`, which is a person's own `dpkg -i`. Everything else that is not `installed`
when its own call ends has failed then.

What is left at the log's end may still be going on. Outcomes are therefore handed out only at *clean
points*, where no package is open; a reader that goes on from the last clean point with its `Carry`
sees what a reader of the whole log sees.

    install, upgrade, configure ─▶ installed, after a `configure`     install_success
                                 ├▶ installed, without (rolled back)  install_failure
                                 ├▶ not-installed, config-files       install_failure
                                 ├▶ triggers-awaited, -pending        install_success (its own script worked)
                                 └▶ anything else at the end          install_failure
    remove, purge ───────────────▶ config-files, not-installed        removed_by_user
                                 └▶ anything else                     nothing: it is still there

A `purge` after a `remove` of the same package in one run is the same removal.
"""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Generic, TypeVar
from urllib.parse import quote

from processor.publish.dpkg_lines import Line, LocalClock, parse_line
from processor.publish.importers.base import Outcome
from schemas import OutcomeType

__all__ = ["RUN_GAP_S", "Carry", "RunReader", "package_url"]

RUN_GAP_S = 60
_RUN_GAP_US = RUN_GAP_S * 1_000_000
_REMOVALS = frozenset({"remove", "purge"})
_GONE = frozenset({"config-files", "not-installed"})
_TRIGGERS = frozenset({"triggers-awaited", "triggers-pending"})

PlaceT = TypeVar("PlaceT")


@dataclass(frozen=True, slots=True)
class Carry:
    """What a reader must know of the lines before a clean point.

    `last_us` is the time of the last line, `call` what dpkg was started for, `broken` whether something
    failed in this run, `removed` the packages (`name:arch`) that this run removed.
    """

    last_us: int | None = None
    call: str = ""
    broken: bool = False
    removed: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Attempt(Generic[PlaceT]):
    """A package that dpkg has begun to work on; `state` is the last that the log gave it, if any."""

    line: Line
    place: PlaceT
    time_us: int
    order: int
    state: str = ""
    configured: bool = False

    @property
    def is_removal(self) -> bool:
        return self.line.verb in _REMOVALS

    @property
    def waits(self) -> bool:
        """Whether it is unpacked for a later call of the same run to configure."""
        return not self.is_removal and self.state == "unpacked" and not self.configured

    def what(self) -> str:
        """Return what was tried, such as `upgrade 1.0 to 1.1`."""
        line = self.line
        if line.verb == "configure":
            return f"configure {line.old}"
        return f"install {line.new}" if line.verb == "install" else f"upgrade {line.old} to {line.new}"


class RunReader(Generic[PlaceT]):
    """Reads a log line by line and settles outcomes.

    Args:
        zone: the zone of the log's local time.
        distribution: the namespace of its package URLs, such as "debian".
        carry: what the lines before left; the default for the first line of a log.
    """

    def __init__(self, zone: tzinfo, distribution: str = "debian", carry: Carry | None = None) -> None:
        carry = carry or Carry()
        self._clock = LocalClock(zone, carry.last_us)
        self._distribution = distribution
        self._call = carry.call
        self._broken = carry.broken
        self._removed = set(carry.removed)
        self._open: dict[str, _Attempt[PlaceT]] = {}
        self._settled: list[tuple[int, Outcome[PlaceT]]] = []
        self._lines = 0

    @property
    def is_clean(self) -> bool:
        """Whether no package is open: what is settled will not change, and reading can go on from here."""
        return not self._open

    @property
    def open_packages(self) -> list[str]:
        """The packages that are neither done nor failed, as `name:arch`."""
        return sorted(self._open)

    @property
    def carry(self) -> Carry:
        """What a reader needs to go on from here; meaningful at a clean point."""
        return Carry(self._clock.last_us, self._call, self._broken, frozenset(self._removed))

    def feed(self, raw: bytes, place: PlaceT) -> None:
        """Read the next line.

        Args:
            raw: the line without its newline.
            place: where it stands; an outcome carries the place of the line that settled it.

        Raises:
            ValueError: it is no line of a dpkg log; reading can go on with the next.
        """
        line = parse_line(raw)
        if line is None:
            return
        last_us = self._clock.last_us
        time_us = self._clock.read(line.stamp)
        self._lines += 1
        if line.verb == "startup":
            self._end_call(line.detail, 0 if last_us is None else time_us - last_us)
        elif line.verb == "status":
            self._see(line, place, time_us)
        else:
            self._begin(line, place, time_us)

    def take(self) -> list[Outcome[PlaceT]]:
        """Return what was settled since the last clean point, in line order; nothing while not clean."""
        if self._open or not self._settled:
            return []
        self._settled.sort(key=lambda pair: pair[0])
        outcomes = [outcome for _, outcome in self._settled]
        self._settled.clear()
        return outcomes

    def finish(self) -> None:
        """Judge what is open as if a new run began: the log is complete, and no dpkg is at work on it."""
        self._end_call("", 0)
        self._fail_all()

    def _end_call(self, next_call: str, gap_us: int) -> None:
        """Settle what the ended call of dpkg left, and what its run left if a new run begins."""
        waiting_is_fine = self._call != "archives install"
        for key, attempt in list(self._open.items()):
            if not (attempt.waits and waiting_is_fine):
                self._give_up(key, attempt)
        if self._broken or abs(gap_us) > _RUN_GAP_US or next_call == "archives install":
            self._fail_all()
            self._removed.clear()
            self._broken = False
        self._call = next_call

    def _fail_all(self) -> None:
        for key, attempt in list(self._open.items()):
            self._give_up(key, attempt)

    def _begin(self, line: Line, place: PlaceT, time_us: int) -> None:
        """Open an attempt; a `configure` only goes on with the one that is open."""
        key = f"{line.package}:{line.arch}"
        attempt = self._open.get(key)
        if line.verb == "configure" and attempt is not None and not attempt.is_removal:
            attempt.configured = True
            attempt.place, attempt.time_us, attempt.order = place, time_us, self._lines
            return
        if line.verb == "purge" and (key in self._removed or (attempt is not None and attempt.is_removal)):
            return
        if attempt is not None:
            self._give_up(key, attempt)
        self._removed.discard(key)
        configured = line.verb == "configure"
        self._open[key] = _Attempt(line, place, time_us, self._lines, configured=configured)

    def _see(self, line: Line, place: PlaceT, time_us: int) -> None:
        """Take a package's new state, which may settle its attempt."""
        key = f"{line.package}:{line.arch}"
        attempt = self._open.get(key)
        if attempt is None:
            return
        attempt.place, attempt.time_us, attempt.order = place, time_us, self._lines
        attempt.state = state = line.detail
        if attempt.is_removal:
            if state in _GONE:
                self._removed.add(key)
                self._settle(key, OutcomeType.REMOVED_BY_USER, f"{attempt.line.verb} {attempt.line.old}")
            elif state == "installed":
                self._give_up(key, attempt)
        elif attempt.configured and (state == "installed" or state in _TRIGGERS):
            self._settle(key, OutcomeType.INSTALL_SUCCESS, attempt.what())
        elif state == "installed" or state in _GONE:
            self._give_up(key, attempt)

    def _give_up(self, key: str, attempt: _Attempt[PlaceT]) -> None:
        """Settle an attempt that did not reach its end; a failed removal leaves no outcome."""
        self._broken = True
        if attempt.is_removal:
            del self._open[key]
            return
        left = attempt.line.verb + " only" if not attempt.state else attempt.state
        if attempt.state == "installed":
            left = f"rolled back to {attempt.line.old}"
        self._settle(key, OutcomeType.INSTALL_FAILURE, f"{attempt.what()}: {left}")

    def _settle(self, key: str, outcome_type: OutcomeType, context: str) -> None:
        attempt = self._open.pop(key)
        component_id = package_url(self._distribution, attempt.line.package, attempt.line.arch)
        outcome = Outcome(component_id, outcome_type, attempt.time_us, context, attempt.place)
        self._settled.append((attempt.order, outcome))


def package_url(distribution: str, name: str, arch: str = "") -> str:
    """Return a Debian package's URL, such as `pkg:deb/debian/libstdc%2B%2B6?arch=amd64`."""
    url = f"pkg:deb/{quote(distribution, safe='')}/{quote(name, safe='')}"
    return f"{url}?arch={quote(arch, safe='')}" if arch else url
