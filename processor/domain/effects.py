"""What the failures of one batch come to: the signed changes of all its hosts' sessions, added up."""

from collections import defaultdict

from processor.domain.sessions import Effect, Pair

__all__ = ["Effects"]


class Effects:
    """A sum of effects.

    Attributes:
        pairs: signed changes of the pairs' counts; some may have come to nothing.
        components: the same of the sessions that each component failed in.
        sessions: by how much the number of failure sessions changes.
        mass_failures: by how much that of mass failures changes.
        became_mass: how many sessions became one.
    """

    def __init__(self) -> None:
        self.pairs: defaultdict[Pair, int] = defaultdict(int)
        self.components: defaultdict[str, int] = defaultdict(int)
        self.sessions = self.mass_failures = self.became_mass = 0

    def take(self, effect: Effect) -> None:
        """Add what one failure changed."""
        pair_changes, component_changes, sessions, mass_failures, became_mass = effect
        if pair_changes:
            pairs = self.pairs
            for pair, change in pair_changes.items():
                pairs[pair] += change
        components = self.components
        for component, change in component_changes.items():
            components[component] += change
        if sessions or mass_failures:  # most failures join a session and leave their number as it is
            self.sessions += sessions
            self.mass_failures += mass_failures
            self.became_mass += became_mass
