"""The gate before the fetcher: who is fetched, and that a change is heard."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from processor.engine.fetchgate import FetchGate

A, B = TopicPartition("a", 0), TopicPartition("b", 0)


class Fetcher:
    """As much of aiokafka's as the gate stands before."""

    def __init__(self) -> None:
        self.asked: list[TopicPartition] = []

    def _get_actions_per_node(self, assignment: Any) -> tuple[Any, ...]:
        self.asked = [tp for tp in assignment.tps if assignment.state_value(tp)]
        parts = [(tp.topic, [(tp.partition, 0, 1)]) for tp in self.asked]
        return [(1, SimpleNamespace(topics=parts))] if parts else [], {}, 0.5, False, []


async def test_only_admitted_partitions_are_fetched() -> None:
    """S12: what rests is not fetched ahead, since it would come as another small batch."""
    fetcher, admitted = Fetcher(), {A}
    told: list[TopicPartition] = []
    FetchGate(SimpleNamespace(_fetcher=fetcher), admitted.__contains__, told.extend)
    assignment = SimpleNamespace(tps={A, B}, state_value=lambda _: True)
    actions = fetcher._get_actions_per_node(assignment)
    assert fetcher.asked == told == [A]
    assert actions[1:4] == ({}, 0.5, False)


async def test_the_fetcher_wakes_when_more_is_admitted() -> None:
    """A partition whose rest is over is fetched at once, not when the fetcher looks next."""
    fetcher = Fetcher()
    gate = FetchGate(SimpleNamespace(_fetcher=fetcher), lambda _: False, lambda _: None)
    gate.changed()  # nobody waits yet
    *_, waits = fetcher._get_actions_per_node(SimpleNamespace(tps={A}, state_value=lambda _: True))
    gate.changed()
    gate.changed()
    await asyncio.wait_for(waits[0], 1)
    assert fetcher.asked == []
