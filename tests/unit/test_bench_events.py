"""What the benchmark publishes and restores is what a fleet and a worker would have written."""

from collections import Counter

import orjson
import pytest
from pydantic import ValidationError

from processor.domain import ledger, stats
from schemas import ComponentOutcome, OutcomeStats
from schemas.internal import HostLedger
from tests.bench.events import component_id, each_component_once, generate
from tests.bench.rows import ledger_rows, stats_rows


def test_events_are_valid_and_keyed_by_host() -> None:
    """An event that became a dead letter would make a rival look fast."""
    for key, value in (*generate(2000, seed=1), *each_component_once(50)):
        event = ComponentOutcome.model_validate_json(value)
        assert (event.host_id or "").encode() == key


def test_the_same_seed_gives_the_same_events_and_a_shorter_run_their_beginning() -> None:
    """Rivals fold the first of the same events."""
    assert list(generate(3000, seed=5))[:1000] == list(generate(1000, seed=5))


def test_each_component_comes_once() -> None:
    """What is folded before costs are measured fills every row."""
    found = Counter(orjson.loads(value)["component_id"] for _, value in each_component_once(100))
    assert found == Counter({component_id(number).decode(): 1 for number in range(100)})


def test_stats_rows_are_those_of_the_contract() -> None:
    """A restored row is one that a worker could have written."""
    for key, value in stats_rows(3):
        row = OutcomeStats.model_validate_json(value)
        assert row.component_id.encode() == key
        assert stats.to_json(*stats.from_json(value)) == value


@pytest.mark.parametrize("ids", [0, 8, 64])
def test_ledger_rows_are_those_of_the_contract(ids: int) -> None:
    """A restored row is one that a worker could have written, with and without a session."""
    rows = [(key, HostLedger.model_validate_json(value), value) for key, value in ledger_rows(50, ids, 20)]
    assert {len(row.sessions) for _, row, _ in rows} == {0, 1}
    assert len({key for key, _, _ in rows}) == 50
    for _, _, value in rows:
        assert ledger.encode(ledger.decode(value)) == value
        assert len(ledger.decode(value)[0]) == 8 * ids


def test_a_row_of_another_shape_would_be_noticed() -> None:
    """The check of rows against the contract can fail."""
    with pytest.raises(ValidationError):
        HostLedger.model_validate_json(b'{"v":1,"heard":"x"}')
