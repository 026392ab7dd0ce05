"""`make evidence` measures what it says: its counts are the contract's, its fleets follow from seeds."""

import math
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import fmean

import pytest

from schemas import OutcomeType
from tests.evidence.fleets import draw, happenings
from tests.evidence.folding import Folded
from tests.evidence.report import figures, markdown
from tests.evidence.scores import Both, Outcome, Score, score, total
from tests.oracle import Event, failure_sessions, oracle

MASS_FAILURE_CAP = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_the_counts_are_those_of_the_oracle() -> None:
    """S2, S7: what is folded in process equals the sorted fold of the same events, mass failures included."""
    happened = list(islice(happenings(draw(5)), 40_000))
    happened += [
        (happened[-1][0] + place, 1, OutcomeType.INSTALL_FAILURE.value, f"m{place}") for place in range(60)
    ]
    folded = Folded()
    for each in sorted(happened):
        folded.take(each)
    events: list[Event] = [
        {
            "component_id": component,
            "outcome_type": outcome,
            "timestamp": (EPOCH + timedelta(microseconds=at_us)).isoformat(),
            "host_id": str(host),
        }
        for at_us, host, outcome, component in sorted(happened)
    ]
    rows, pairs = oracle(events)
    failed: dict[str, list[tuple[datetime, str]]] = {}
    for event in events:
        if event["outcome_type"] == OutcomeType.INSTALL_FAILURE:
            at = datetime.fromisoformat(event["timestamp"])
            failed.setdefault(event["host_id"], []).append((at, event["component_id"]))
    sessions = [
        components
        for of_host in failed.values()
        for _, _, components in failure_sessions(of_host)
        if len(components) <= MASS_FAILURE_CAP
    ]
    assert folded.sessions == len(sessions)
    assert +folded.failure_sessions == Counter(each for components in sessions for each in components)
    assert {pair: count for pair, count in folded.pairs.items() if count} == pairs
    for component, row in rows.items():
        assert folded.tried(component) == (row["install_successes"], row["install_failures"])


def test_a_fleet_follows_from_its_seed() -> None:
    """The same seed hides the same and brings the same events; another one does not."""
    assert draw(3) == draw(3)
    assert draw(3).conflicts != draw(4).conflicts
    assert list(islice(happenings(draw(3)), 500)) == list(islice(happenings(draw(3)), 500))


def test_scores() -> None:
    """Precision and recall; what is real but too small to be asked for is neither right nor wrong."""
    found = score({"a", "b", "x"}, {"a", "c"}, {"b"})
    assert (found.right, found.wrong, found.hidden) == (1, 1, 2)
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert (Score().precision, Score().recall) == (1.0, 1.0)
    assert total([found, Score(1, 0, 1)]) == Score(2, 1, 3)


def outcome(right: int, accused: int) -> Outcome:
    both = Both(Score(right, 0, 10), Score(10, 990, 10))
    return Outcome(
        1, 1000, both, {0.9: Score(right, 0, 10)}, both, both, Both(accused, 500), 1000, 2, 1,
        Both([(12.0, 6), None], [None, None]), Both([12.0], [None]),
    )  # fmt: skip


def test_the_table_says_what_is_missed() -> None:
    """A figure below what is wanted is marked; the plain rule's stands beside it."""
    good = {line.name: line for line in figures([outcome(10, 0)])}
    bad = {line.name: line for line in figures([outcome(5, 3)])}
    assert all(line.met is not False for line in good.values())
    name = "Conflicts with at least 8 co-failures: recall of 10"
    assert (good[name].verdicts, good[name].plain, bad[name].met) == ("1.000", "1.000", False)
    assert bad["Innocents accused at the end, of 1,000 (of 1,000)"].met is False
    assert good["Minutes from breakage to verdict: median (2 breakages)"].plain == "never"
    assert "| **missed** |" in markdown(figures([outcome(5, 3)]))


@pytest.mark.parametrize("module", ["processor.agents", "processor.serve.view", "processor.serve.http.app"])
def test_nobody_but_the_writer_loads_scipy(module: str) -> None:
    """Workers, views and services neither need nor load it: it is 143 MB and a second at each start."""
    code = f"import sys, {module}; print('scipy' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_how_few_installs_could_do() -> None:
    """The bound that deploy/evidence.md gives follows from what the fleets are drawn with."""
    text = (Path(__file__).parents[2] / "deploy" / "evidence.md").read_text(encoding="utf-8")
    fleets = [draw(seed) for seed in range(1, 21)]
    usual = fmean(rate for fleet in fleets for rate in fleet.rates)
    broken = [share for fleet in fleets for share in fleet.broken.values()]
    innocent = max(rate for fleet in fleets for rate in fleet.rates)

    def bound(before: float, after: float) -> float:
        told = after * math.log(after / before) + (1 - after) * math.log((1 - after) / (1 - before))
        return math.log(1_344_000) / told

    assert usual == pytest.approx(0.029, abs=0.001)
    assert fmean(bound(usual, after) for after in broken) == pytest.approx(6.6, abs=0.5)
    assert 0.15 < innocent <= 0.2
    assert bound(0.2, 0.775) == pytest.approx(18, abs=0.5)
    assert all(figure in text for figure in ("1,344,000", "0.029", "6.6 installs", "the bound is 18"))
