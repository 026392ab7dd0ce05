"""A client that tries again and again fills no log."""

import logging

import pytest

from processor.damper import Damper

PAUSE_S = 10.0


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def record(msg: str, *args: object, logger: str = "aiokafka.conn") -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, "", 0, msg, args, None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def damper(clock: Clock) -> Damper:
    return Damper(("aiokafka",), PAUSE_S, clock)


def test_the_same_line_passes_once_in_a_while(damper: Damper, clock: Clock) -> None:
    """X10: a broker that is away is told of once, not a thousand times; the next line says how often."""
    assert [damper.filter(record("no node %s", number)) for number in range(3)] == [True, False, False]
    clock.now_s = PAUSE_S
    later = record("no node %s", 3)
    assert damper.filter(later)
    assert later.getMessage() == "no node 3 (and 2 more like it)"


def test_a_line_that_was_not_repeated_stays_as_it_is(damper: Damper, clock: Clock) -> None:
    """What was held back before is told once."""
    damper.filter(record("no node %s", 1))
    clock.now_s = PAUSE_S
    later = record("no node %s", 2)
    assert damper.filter(later)
    assert later.getMessage() == "no node 2"


def test_other_lines_pass(damper: Damper) -> None:
    """Another message, another logger, and whatever is ours."""
    assert damper.filter(record("one"))
    assert damper.filter(record("two"))
    assert damper.filter(record("one", logger="aiokafka.cluster"))
    assert all(damper.filter(record("ours", logger="processor.engine")) for _ in range(2))


def test_debugging_shows_everything(damper: Damper, caplog: pytest.LogCaptureFixture) -> None:
    """With FLEETFOLD_LOG_LEVEL=DEBUG nothing is held back."""
    with caplog.at_level(logging.DEBUG):
        assert all(damper.filter(record("one")) for _ in range(2))
