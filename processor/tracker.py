"""The folds in one process, with a clock and a file: for one machine, or a notebook, without Kafka.

What is recorded is never lost to the file: a save replaces the old file at once or not at all, and a file
that cannot be read is put aside, not overwritten.
"""

import errno
import logging
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, Field, ValidationError

from processor.domain.copairs import co_failure_counts
from processor.domain.stats import merge_model, of_event, revocation
from processor.files import put_aside, write_atomically
from schemas import ComponentOutcome, OutcomeStats, OutcomeType
from schemas.times import to_us

__all__ = ["OutcomeTracker"]

_log = logging.getLogger(__name__)

_CONTEXT_LOGGED = 50
_CO_FAILURES_LEAST: Final = 2

# A folder where nothing can be moved is one where no save can replace the file either, so nothing is lost.
_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class OutcomeTracker(BaseModel):
    """Counts what happens to components, and answers what to make of it; ids may have any length.

    Attributes:
        outcomes: each component's row by its id, in the order in which the components were first seen.
        recent_events: the newest events, oldest first.
        max_recent_events: how many of them are kept.
    """

    outcomes: dict[str, OutcomeStats] = Field(default_factory=dict)
    recent_events: list[ComponentOutcome] = Field(default_factory=list)
    max_recent_events: int = Field(default=1_000, ge=0)

    def record_outcome(self, component_id: str, outcome_type: OutcomeType, context: str = "") -> None:
        """Record that something happened to a component now.

        Args:
            component_id: which component.
            outcome_type: what happened; the text of an `OutcomeType` will do.
            context: free text for people, such as an error message.

        Raises:
            pydantic.ValidationError: not an outcome type, or not texts; nothing is recorded.
        """
        event = ComponentOutcome(
            component_id=component_id,
            outcome_type=outcome_type,
            timestamp=datetime.now(UTC),
            context=context,
        )
        before = self.outcomes.get(component_id) or OutcomeStats(component_id=component_id)
        change = of_event(event.outcome_type, to_us(event.timestamp))
        self.outcomes[component_id] = merge_model(before, change)
        self._remember(event)
        _log.debug(
            "Recorded outcome: component=%s, outcome=%s, context=%s",
            component_id,
            event.outcome_type.value,
            event.context[:_CONTEXT_LOGGED] or "none",
        )

    def _remember(self, event: ComponentOutcome) -> None:
        self.recent_events.append(event)
        del self.recent_events[: max(len(self.recent_events) - self.max_recent_events, 0)]

    def get_success_rate(self, component_id: str) -> float:
        """Return the share of installs that worked, in 0.0..1.0; 0.0 with no attempt, or if it is unknown."""
        stats = self.outcomes.get(component_id)
        return stats.success_rate if stats else 0.0

    def get_problematic_components(self) -> list[str]:
        """Return the ids of components that fail often, in the order in which they were first seen."""
        return [component_id for component_id, stats in self.outcomes.items() if stats.is_problematic]

    def get_frequently_removed(self, min_removals: int = 2) -> list[str]:
        """Return the ids with at least so many removals, in the order in which they were first seen."""
        return [
            component_id
            for component_id, stats in self.outcomes.items()
            if stats.removal_count >= min_removals
        ]

    def get_deprecated(self) -> list[str]:
        """Return the ids with a `deprecated` event, in the order in which they were first seen."""
        return [
            component_id for component_id, stats in self.outcomes.items() if stats.deprecated_at is not None
        ]

    def get_co_failure_pairs(self) -> list[tuple[str, str, int]]:
        """Return which components failed together in two sessions or more, among the recent events.

        Returns:
            (a, b, sessions in which both failed) with a < b, in the order in which pairs were first counted.
        """
        failures = [
            (to_us(event.timestamp), event.component_id)
            for event in self.recent_events
            if event.outcome_type is OutcomeType.INSTALL_FAILURE
        ]
        return [
            (a, b, count)
            for (a, b), count in co_failure_counts(failures).items()
            if count >= _CO_FAILURES_LEAST
        ]

    def undeprecate(self, component_id: str) -> None:
        """Declare a component not deprecated up to now; a later `deprecated` event deprecates it again.

        An unknown component stays unknown.
        """
        stats = self.outcomes.get(component_id)
        if stats is not None:
            self.outcomes[component_id] = merge_model(stats, revocation(to_us(datetime.now(UTC))))

    def score_multiplier(self, component_id: str) -> float:
        """Return what a component's score is multiplied by: its success rate, and 1.0 with no attempt.

        So a component that nobody has tried is not multiplied away.
        """
        stats = self.outcomes.get(component_id)
        if stats is None or stats.install_successes + stats.install_failures == 0:
            return 1.0
        return stats.success_rate

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a file as JSON: as a whole, or not at all.

        The folder is made if it is missing; a file that is there keeps its mode, and a link stays a link.

        Raises:
            OSError: the file cannot be written; the old one is as it was.
        """
        write_atomically(Path(path), self.model_dump_json(indent=2).encode())
        _log.info("Saved the outcomes of %d components to %s", len(self.outcomes), path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Return what was saved to a file; an empty tracker if there is none, or none that can be read.

        A file that is not a tracker's stays beside the path under another name.

        Raises:
            OSError: the file is there and cannot be read, or cannot be put aside.
        """
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError:
            return cls()
        try:
            tracker = cls.model_validate_json(content)
        except ValidationError as error:
            _warn_of(Path(path), _first_fault(error))
            return cls()
        if (
            "outcomes" not in tracker.model_fields_set
        ):  # some other program's file, and the next save would be its end
            _warn_of(Path(path), "outcomes: missing")
            return cls()
        return tracker


def _first_fault(error: ValidationError) -> str:
    """Return the first thing that is wrong, without the data, which may be of any size."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _warn_of(path: Path, fault: str) -> None:
    try:
        kept = put_aside(path)
    except OSError as error:
        if error.errno not in _NOT_OURS:  # there a save would overwrite it, which must not pass in silence
            raise
        _log.warning(
            "%s holds no tracker (%s); starting with an empty one. It cannot be moved aside: %s",
            path,
            fault,
            error,
        )
        return
    _log.warning(
        "%s holds no tracker (%s); starting with an empty one. The file is kept as %s", path, fault, kept
    )
