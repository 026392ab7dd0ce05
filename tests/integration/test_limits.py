"""X12: limits of the tables on a real broker: what is there is exact, what is refused is counted and told."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition

from processor.app import create_app
from processor.broker import EmbeddedKafka
from processor.deadletters import Wanted
from processor.domain.door import TOO_MANY_HOSTS
from processor.meters import Meters
from processor.replay import replay
from schemas.topics import COMPONENT_DELTAS, HOST_LEDGER, PAIR_DELTAS
from tests.oracle import oracle
from tests.records import at, event, uuid_of
from tests.settled import check_settled, read_rows, wait_until_folded
from tests.stream import Stream
from tests.words import running

pytestmark = pytest.mark.kafka


def outcomes(components: Iterable[str], first: int, **fields: Any) -> list[dict[str, Any]]:
    """Events of components, with ids of their own and minutes apart, so that none fail together."""
    return [
        event(component_id=component, event_id=uuid_of(first + n), timestamp=at(90 * n), **fields)
        for n, component in enumerate(components)
    ]


async def metered(stream: Stream) -> tuple[str, set[TopicPartition]]:
    """Fold all there is, and return the metrics and the sealed partitions."""
    meters = Meters()
    async with running(create_app(stream.settings, meters)) as app:
        await wait_until_folded(stream.settings)
        return meters.scrape(app, "")[0].decode(), set(app.engine.sealed)


async def test_components_beyond_the_limit(
    kafka: EmbeddedKafka, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """X12: each row equals the oracle's; new ones are refused, after restarts and a higher limit too."""
    stream = await Stream(kafka.bootstrap, prefix, partitions=1, max_components=3).create_topics()
    published = outcomes("abc", 0) + outcomes("defabc", 10)
    await stream.publish(*published)
    with caplog.at_level(logging.WARNING):
        metrics, sealed = await metered(stream)
    source = TopicPartition(stream.settings.topic(COMPONENT_DELTAS), 0)
    assert sealed == {source}
    assert f'fleetfold_sealed_partitions{{topic="{source.topic}"}} 1.0' in metrics
    assert 'fleetfold_refused_rows_total{table="component-stats"} 3.0' in metrics
    assert "component-stats[0] has 3 rows, as many as FLEETFOLD_MAX_COMPONENTS allows" in caplog.text
    assert (await stream.stats()).keys() == {"a", "b", "c"}
    higher = Stream(kafka.bootstrap, prefix, partitions=1, max_components=100)
    later = outcomes("cdg", 20)
    await higher.publish(*later)
    with caplog.at_level(logging.WARNING):
        _, sealed = await metered(higher)
    assert sealed == {source}
    assert "sealed, they take no new rows" in caplog.text
    expected, _ = oracle(published + later)
    assert await higher.stats() == {name: expected[name] for name in "abc"}
    await check_settled(higher.settings)


async def test_pairs_beyond_the_limit(kafka: EmbeddedKafka, prefix: str) -> None:
    """X12: sessions that explode the pairs: those that there is room for are exact, also when withdrawn."""
    stream = await Stream(
        kafka.bootstrap, prefix, partitions=1, max_pairs=4, mass_failure_cap=4
    ).create_topics()
    together = [
        event(component_id=component, event_id=uuid_of(n), timestamp=at(n), host_id=host)
        for n, (host, component) in enumerate([("h1", c) for c in "abcd"] + [("h2", c) for c in "abcd"])
    ]
    await stream.publish(*together)
    _, sealed = await metered(stream)
    assert sealed == {TopicPartition(stream.settings.topic(PAIR_DELTAS), 0)}
    pairs = await stream.pairs()
    assert len(pairs) == 4
    assert set(pairs.values()) == {2}
    # A fifth component makes h1's session a mass failure: six pairs are withdrawn, of which two were refused.
    more = [event(component_id="e", event_id=uuid_of(50), timestamp=at(3), host_id="h1")]
    more += [event(component_id=c, event_id=uuid_of(60 + n), host_id="h3") for n, c in enumerate("ab")]
    await stream.publish(*more)
    await metered(stream)
    _, expected = oracle(together + more, mass_failure_cap=4)
    found = await stream.pairs()
    assert found == {pair: expected[pair] for pair in pairs}
    assert Counter(found.values()).keys() <= {1, 2}
    await check_settled(stream.settings)


async def test_hosts_beyond_the_limit(kafka: EmbeddedKafka, prefix: str) -> None:
    """X12: forged hosts are dead letters, stop no worker, and count once when replayed into enough room."""
    settings = {"partitions": 1, "max_hosts": 2, "dead_letter_window": 1}
    stream = await Stream(kafka.bootstrap, prefix, **settings).create_topics()
    good = outcomes("ab", 0, host_id="h1") + outcomes("ab", 10, host_id="h2")
    forged = [outcomes("a", 20 + n, host_id=f"forged-{n}")[0] for n in range(30)]
    await stream.publish(*good, *forged)
    metrics, _ = await metered(stream)
    assert f'fleetfold_dead_letters_total{{reason="{TOO_MANY_HOSTS}"}} 30.0' in metrics
    expected, _ = oracle(good)
    assert await stream.stats() == expected
    assert (await read_rows(stream.settings, HOST_LEDGER)).keys() == {b"h1", b"h2"}
    higher = Stream(kafka.bootstrap, prefix, **settings | {"max_hosts": 0})
    found = await replay(higher.settings, Wanted(TOO_MANY_HOSTS, None))
    assert len(found.ready) == 30
    await metered(higher)
    expected, _ = oracle(good + forged)
    assert await higher.stats() == expected
    await check_settled(higher.settings)
