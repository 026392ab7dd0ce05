"""Which faults a soak makes, and when: a pure function of its seed, so that a seed repeats them all."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.proxy import Api

__all__ = ["KINDS", "Step", "plan"]

KINDS = {
    "join": 4,
    "leave": 3,
    "kill": 5,
    "freeze": 3,
    "drop": 6,
    "delay": 4,
    "kill the broker": 1,
    "stop the broker": 1,
}
"""How often each comes, beside the others."""

APIS = tuple(Api)
PAUSE_MAX_S = 4.0
LENGTH_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One fault.

    Attributes:
        pause_s: how long everything is let alone before.
        kind: one of KINDS.
        length_s: how long a freeze, a delay or an outage takes.
        worker: which of those that run, modulo their number.
        api: which request is dropped or delayed.
        after: whether the broker hears of it.
    """

    pause_s: float
    kind: str
    length_s: float
    worker: int
    api: Api
    after: bool


def plan(seed: int) -> Iterator[Step]:
    """Yield faults without end.

    Args:
        seed: of all that is random; what happens meanwhile changes nothing.
    """
    rng = random.Random(seed)
    while True:
        yield Step(
            pause_s=round(rng.uniform(0, PAUSE_MAX_S), 2),
            kind=rng.choices(list(KINDS), list(KINDS.values()))[0],
            length_s=round(rng.uniform(0.2, LENGTH_MAX_S), 2),
            worker=rng.randrange(12),
            api=rng.choice(APIS),
            after=rng.random() < 0.5,
        )
