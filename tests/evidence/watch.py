"""Notes on the way what only time shows, and reckons at the end what came of a fleet."""

from collections.abc import Mapping
from typing import Final

from processor.domain.windows import HOUR_US
from schemas.verdicts import ComponentVerdicts
from tests.evidence.fleets import BREAKS_US, MENDED_US, Fleet
from tests.evidence.folding import Folded
from tests.evidence.rules import Pair, by_plain_rules, by_verdicts
from tests.evidence.scores import Both, Outcome, Score, score

__all__ = ["Watch"]

_COUNTS_LEAST: Final = 8
_MINUTE_US: Final = 60_000_000


class _Times:
    """When one set of rules named what broke, and stopped naming what was mended."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._detected: dict[str, tuple[float, int]] = {}
        self._mended: dict[str, float] = {}

    def look(self, problematic: frozenset[str], installs: Mapping[str, int], now_us: int) -> None:
        """Look at whom the rules name at one moment."""
        if now_us > BREAKS_US:
            for component in self._fleet.broken.keys() & problematic - self._detected.keys():
                self._detected[component] = (now_us - BREAKS_US) / _MINUTE_US, installs[component]
        if now_us > MENDED_US:
            for component in self._fleet.mended:
                if component in problematic:
                    self._mended.pop(component, None)
                else:
                    self._mended.setdefault(component, (now_us - MENDED_US) / HOUR_US)

    @property
    def detected(self) -> list[tuple[float, int] | None]:
        """For each that broke, minutes and installs until it was named."""
        return [self._detected.get(each) for each in self._fleet.broken]

    @property
    def mended_hours(self) -> list[float | None]:
        """For each that was mended, hours until it was named for the last time."""
        return [self._mended.get(each) for each in self._fleet.mended]


class Watch:
    """Watches one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._guilty = {*fleet.bad, *fleet.mended, *fleet.broken, *fleet.removed}
        self._guilty |= {component for pair in fleet.conflicts for component in pair}
        self._times = Both(_Times(fleet), _Times(fleet))
        self._at_breakage: dict[str, tuple[int, int]] = {}
        self._ever: set[str] = set()
        self._true: tuple[frozenset[str], frozenset[Pair]] = (frozenset(), frozenset())
        self._flaps = 0

    def look(self, rows: Mapping[str, ComponentVerdicts], folded: Folded, now_us: int) -> None:
        """Look at the rows of one moment."""
        fleet, named = self._fleet, by_verdicts(rows)
        self._ever |= named.anybody - self._guilty
        if now_us <= BREAKS_US:
            self._at_breakage = {each: folded.tried(each) for each in fleet.broken}
        installs = {each: sum(folded.tried(each)) - sum(self._at_breakage[each]) for each in fleet.broken}
        self._times.verdicts.look(named.problematic, installs, now_us)
        self._times.plain.look(by_plain_rules(folded).problematic, installs, now_us)
        true = named.problematic & fleet.bad.keys(), named.conflicts & fleet.conflicts.keys()
        self._flaps += len(self._true[0] - true[0]) + len(self._true[1] - true[1])
        self._true = true

    def finish(self, rows: Mapping[str, ComponentVerdicts], folded: Folded, events: int) -> Outcome:
        """Return what came of it at the end."""
        fleet = self._fleet
        verdicts, plain = by_verdicts(rows), by_plain_rules(folded)
        clashing, failing = self._clashing(folded), self._failing(folded)
        all_failing = fleet.bad.keys() | fleet.broken.keys()
        innocents = set(fleet.components) - self._guilty
        return Outcome(
            fleet.seed,
            events,
            conflicts=Both(
                score(verdicts.conflicts, clashing, fleet.conflicts),
                score(plain.conflicts, clashing, fleet.conflicts),
            ),
            by_strength={
                strength: Score(len(hidden & verdicts.conflicts), 0, len(hidden))
                for strength in sorted(set(fleet.conflicts.values()))
                if (hidden := {pair for pair in clashing if fleet.conflicts[pair] == strength})
            },
            problematic=Both(
                score(verdicts.problematic, failing, all_failing),
                score(plain.problematic, failing, all_failing),
            ),
            removed=Both(score(verdicts.removed, fleet.removed), score(plain.removed, fleet.removed)),
            accused=Both(len(verdicts.anybody & innocents), len(plain.anybody & innocents)),
            innocents=len(innocents),
            accused_ever=len(self._ever),
            flaps=self._flaps,
            detected=Both(self._times.verdicts.detected, self._times.plain.detected),
            mended_hours=Both(self._times.verdicts.mended_hours, self._times.plain.mended_hours),
            notes=[
                *(f"missed {each}" for each in sorted(failing - verdicts.problematic)),
                *(f"missed {each}" for each in sorted(clashing - verdicts.conflicts)),
                *(f"wrong {each}" for each in sorted(verdicts.problematic - all_failing)),
                *(f"wrong {each}" for each in sorted(verdicts.conflicts - fleet.conflicts.keys())),
            ],
        )

    def _clashing(self, folded: Folded) -> set[Pair]:
        """Return the planted pairs that failed together often enough to be asked for."""
        return {pair for pair in self._fleet.conflicts if folded.pairs[pair] >= _COUNTS_LEAST}

    def _failing(self, folded: Folded) -> set[str]:
        """Return the components that fail, and did so often enough since they do."""
        since = dict.fromkeys(self._fleet.bad, 0)
        since |= {each: self._at_breakage[each][1] for each in self._fleet.broken}
        return {each for each, before in since.items() if folded.tried(each)[1] - before >= _COUNTS_LEAST}
