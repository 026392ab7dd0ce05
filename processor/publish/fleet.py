"""What a simulated fleet is made of is drawn from its seed alone, before anything happens to it.

So the same seed plants the same conflicts, and a demo can say which of them were found. Every id says
that it is simulated: components are `pkg:sim/…`, hosts are `sim-…`.
"""

import random
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["FleetPlan", "Planted", "component_ids", "host_ids", "plant"]

_POPULAR = 10
_EACH_ROLE = 3


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """How large a simulated fleet is, and how long it was watched.

    Raises:
        ValueError: a number cannot work; the text says which and what would.
    """

    events: int = 200_000
    hosts: int = 2_000
    components: int = 400
    conflicts: int = 8
    hours: float = 24.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse a fleet that has no room for what is planted."""
        if self.events < 0 or self.conflicts < 0:
            raise ValueError("events and conflicts cannot be negative")
        if self.hosts < 1 or self.hours <= 0:
            raise ValueError("a fleet has at least one host and was watched for some time")
        needed = _POPULAR + 3 * _EACH_ROLE + 2 * self.conflicts
        if self.components < needed:
            raise ValueError(
                f"{self.conflicts} conflicts need at least {needed} components, not {self.components}"
            )


@dataclass(frozen=True, slots=True)
class Planted:
    """What was put into a fleet for the folds to find.

    conflicts: pairs (a < b) that fail together when both are installed in one session.
    problematic: components of which most installs fail.
    removed: components that are often removed after they were installed.
    deprecated: components with a `deprecated` event.
    popular: components that are everywhere and innocent: they fail together by chance only.
    mass_failures: hosts on which everything failed at once; it says nothing about pairs.
    """

    conflicts: tuple[tuple[str, str], ...]
    problematic: tuple[str, ...]
    removed: tuple[str, ...]
    deprecated: tuple[str, ...]
    popular: tuple[str, ...]
    mass_failures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain lists, for JSON."""
        return asdict(self)


def component_ids(plan: FleetPlan) -> list[str]:
    """Return the fleet's components, the most popular first."""
    width = len(str(plan.components))
    return [f"pkg:sim/component-{number:0{width}}" for number in range(1, plan.components + 1)]


def host_ids(plan: FleetPlan) -> list[str]:
    """Return the fleet's hosts."""
    width = len(str(plan.hosts))
    return [f"sim-{number:0{width}}" for number in range(1, plan.hosts + 1)]


def plant(plan: FleetPlan) -> Planted:
    """Draw what a fleet hides, from its seed."""
    rng = random.Random(f"planted {plan.seed}")  # noqa: S311  # a simulation, no secret
    components = component_ids(plan)
    # What often fails or is removed has to be installed often enough to show it.
    well_known = components[_POPULAR : max(_POPULAR + 3 * _EACH_ROLE, plan.components // 4)]
    roles = rng.sample(well_known, 3 * _EACH_ROLE)
    others = [component for component in components[_POPULAR:] if component not in roles]
    paired = iter(rng.sample(others, 2 * plan.conflicts))
    conflicts = [(a, next(paired)) for a in paired]
    hosts = host_ids(plan)
    return Planted(
        conflicts=tuple(sorted((min(pair), max(pair)) for pair in conflicts)),
        problematic=tuple(sorted(roles[:_EACH_ROLE])),
        removed=tuple(sorted(roles[_EACH_ROLE : 2 * _EACH_ROLE])),
        deprecated=(roles[-1],),
        popular=tuple(components[:_POPULAR]),
        mass_failures=tuple(rng.sample(hosts, min(2, len(hosts)))),
    )
