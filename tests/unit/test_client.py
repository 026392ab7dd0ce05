"""Publishers as an installer sees them, with no Kafka in reach: bounded, quiet, honest about what is safe."""

import asyncio
import json
import logging
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from processor.publish import BlockingPublisher, Publisher
from processor.publish.client import Limits, NotAcceptedError
from processor.publish.core import spool_for
from processor.publish.host import hash_host
from processor.publish.receipt import Status
from processor.publish.turns import turn
from processor.settings import Settings
from schemas.wire import WireOutcome, validate_event

NOBODY = Settings(bootstrap="127.0.0.1:9")  # the discard port: nothing of ours listens there
OPEN = dict[str, Any]


@pytest.fixture
def blocking(tmp_path: Path) -> Callable[..., BlockingPublisher]:
    def make(settings: Settings = NOBODY, **how: Any) -> BlockingPublisher:
        return BlockingPublisher(settings, **{"host": "h", "state_dir": tmp_path, **how})

    return make


def spooled(folder: Path) -> list[WireOutcome]:
    rows = spool_for(NOBODY, folder).oldest(100_000)
    events = [(row.event.host.decode(), validate_event(orjson.loads(row.event.value))) for row in rows]
    assert all(host == event.host_id for host, event in events)
    return [event for _, event in events]


def test_events_wait_in_their_order(blocking: Callable[..., BlockingPublisher], tmp_path: Path) -> None:
    """Without a Kafka events are accepted by the disk, in order, and valid for the topic."""
    with blocking() as publisher:
        receipts = [publisher.record(f"c{number}", "install_success") for number in range(200)]
        assert publisher.flush(30)
    assert {receipt.status for receipt in receipts} == {Status.SPOOL}
    events = spooled(tmp_path)
    assert [event.component_id for event in events] == [f"c{number}" for number in range(200)]
    assert [str(event.event_id) for event in events] == [receipt.event_id for receipt in receipts]
    assert {event.host_id for event in events} == {hash_host("h")}


def test_what_an_event_says(blocking: Callable[..., BlockingPublisher], tmp_path: Path) -> None:
    """All fields as given: time in UTC, another host hashed, the context redacted, the id kept."""
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=1)))
    event_id = UUID("01900000-0000-7000-8000-000000000001")
    odd = 'pkg:"x"\n\u202e|é'
    with blocking() as publisher:
        publisher.record(
            odd, "removed_by_user", "mail ann@mail.example", host_id="o", timestamp=at, event_id=event_id
        )
    (event,) = spooled(tmp_path)
    assert event == WireOutcome(
        odd, event.outcome_type, at.astimezone(UTC), "mail [email]", event_id, hash_host("o")
    )


def test_plain_host(blocking: Callable[..., BlockingPublisher], tmp_path: Path) -> None:
    """`plain_host` publishes names as they are."""
    with blocking(plain_host=True) as publisher:
        publisher.record("c", "install_success")
        publisher.record("c", "install_success", host_id="o")
    assert [event.host_id for event in spooled(tmp_path)] == ["h", "o"]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"component_id": ""}, "component_id", "empty"),
        ({"component_id": "x" * 257}, "component_id", "too_long"),
        ({"component_id": 3}, "component_id", "wrong_type"),
        ({"component_id": "\udcff"}, "component_id", "not_text"),
        ({"outcome_type": "exploded"}, "outcome_type", "unknown_outcome_type"),
        ({"outcome_type": ["install_success"]}, "outcome_type", "unknown_outcome_type"),
        ({"outcome_type": None}, "outcome_type", "unknown_outcome_type"),
        ({"event_id": "seven"}, "event_id", "bad_event_id"),
        ({"host_id": 7}, "host_id", "wrong_type"),
        ({"context": 3}, "context", "wrong_type"),
        ({"context": "\udcff"}, "context", "not_text"),
        ({"host_id": "x" * 257}, "host_id", "too_long"),
        ({"host_id": "\udcff"}, "host_id", "not_text"),
        ({"timestamp": "yesterday"}, "timestamp", "bad_timestamp"),
    ],
)
def test_what_is_no_event_is_refused(
    blocking: Callable[..., BlockingPublisher], tmp_path: Path, fields: OPEN, field: str, reason: str
) -> None:
    """X2: an installer that reports nonsense is told which field and why, and is not broken by it."""
    told: list[str] = []
    with blocking(on_trouble=told.append) as publisher:
        receipt = publisher.record(
            **{"component_id": "c", "outcome_type": "install_success", **fields}, wait=True
        )
    assert (receipt.status, receipt.field, receipt.reason) == (Status.REFUSED, field, reason)
    assert told[0] == receipt.error
    assert list(tmp_path.iterdir()) == []


def test_raise_only_when_asked(blocking: Callable[..., BlockingPublisher]) -> None:
    """With `raise_errors` a refusal is an exception that carries the receipt."""
    with blocking(raise_errors=True) as publisher, pytest.raises(NotAcceptedError, match="one of") as caught:
        publisher.record("c", "exploded")
    assert caught.value.receipt.field == "outcome_type"


def test_full_spool_is_said(blocking: Callable[..., BlockingPublisher], tmp_path: Path) -> None:
    """A full spool keeps the oldest, refuses the rest with a clear reason, and tells it once."""
    told: list[str] = []
    full = NOBODY.model_copy(update={"spool_max_mb": 1})
    with blocking(full, on_trouble=told.append) as publisher:
        receipts = [publisher.record(f"c{n:05}", "install_success", "x y " * 500) for n in range(600)]
        assert publisher.flush(60)
    kept = [receipt.accepted for receipt in receipts]
    first = kept.index(False)
    assert kept == [True] * first + [False] * (600 - first)
    assert len(spooled(tmp_path)) == first > 400
    assert {receipt.reason for receipt in receipts[first:]} == {"spool_full"}
    assert "FLEETFOLD_SPOOL_MAX_MB" in receipts[-1].error
    assert len([text for text in told if "is full" in text]) == 1


def test_no_folder_and_no_kafka(blocking: Callable[..., BlockingPublisher], tmp_path: Path) -> None:
    """Where nothing can be kept and nothing sent, the event is refused with both reasons."""
    (tmp_path / "file").write_text("")
    with blocking(state_dir=tmp_path / "file" / "x") as publisher:
        receipt = publisher.record("c", "install_success", wait=True)
    assert (receipt.status, receipt.reason) == (Status.REFUSED, "spool_failed")
    assert "no Kafka answers" in receipt.error
    assert "no spool" in receipt.error


def test_wrong_settings_do_not_break_the_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A variable that cannot work is a warning in the log, and a reason on each receipt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEETFOLD_BOOTSTRAP", "nowhere")
    with BlockingPublisher(state_dir=tmp_path) as publisher:
        receipt = publisher.record("c", "install_success", wait=True)
    assert "FLEETFOLD_BOOTSTRAP" in receipt.error
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_a_queue_without_room(blocking: Callable[..., BlockingPublisher]) -> None:
    """Memory is bounded: an event that has no room in time is refused, those that had are accepted."""
    with blocking(limits=Limits(room_wait_s=0, queue_events=3)) as publisher:
        publisher._core._run()
        with publisher._core.outbox.changed:  # nothing is settled while we hold this
            receipts = [publisher.record("c", "install_success") for _ in range(5)]
        publisher.flush(30)
    assert [receipt.status for receipt in receipts] == [Status.SPOOL] * 3 + [Status.REFUSED] * 2
    assert receipts[-1].reason == "queue_full"


def test_a_closed_publisher_refuses(blocking: Callable[..., BlockingPublisher]) -> None:
    """After `close` a receipt says so; it does not wait for ever."""
    publisher = blocking()
    publisher.record("c", "install_success")
    assert publisher.close()
    assert publisher.record("c", "install_success", wait=True).reason == "closed"


def test_a_trouble_that_is_told_badly(blocking: Callable[..., BlockingPublisher]) -> None:
    """An `on_trouble` that raises breaks neither the installer nor the thread."""

    def broken(_trouble: str) -> None:
        raise RuntimeError("broken")

    with blocking(on_trouble=broken) as publisher:
        assert not publisher.record("c", "exploded").accepted
        assert publisher.record("c", "install_success", wait=True).accepted


def test_a_script_that_just_ends_loses_nothing(tmp_path: Path) -> None:
    """Without `close` or `with`, what was recorded is sent or spooled when the interpreter ends."""
    code = (
        "import sys, pathlib\n"
        "from processor.publish import BlockingPublisher\n"
        "from processor.settings import Settings\n"
        "p = BlockingPublisher(Settings(bootstrap='127.0.0.1:9'), state_dir=pathlib.Path(sys.argv[1]))\n"
        "for n in range(50): p.record(f'c{n}', 'install_success')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert [event.component_id for event in spooled(tmp_path)] == [f"c{n}" for n in range(50)]


def _in_child(publisher: BlockingPublisher) -> None:
    publisher.record("child", "install_success", wait=True)
    publisher.close()


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # that is the case here
def test_a_forked_child_publishes_by_itself(
    blocking: Callable[..., BlockingPublisher], tmp_path: Path
) -> None:
    """A worker of a forking installer gets a thread of its own and other event ids than its parent."""
    with blocking() as publisher:
        publisher.record("parent", "install_success", wait=True)
        child = multiprocessing.get_context("fork").Process(target=_in_child, args=(publisher,))
        child.start()
        child.join(60)
        assert child.exitcode == 0
        publisher.record("parent", "install_success", wait=True)
    events = spooled(tmp_path)
    assert [event.component_id for event in events] == ["parent", "child", "parent"]
    assert len({event.event_id for event in events}) == 3


async def test_async_publisher(tmp_path: Path) -> None:
    """The same from asyncio: receipts are awaited, alone or together, and the loop goes on meanwhile."""
    async with Publisher(NOBODY, host="h", state_dir=tmp_path) as publisher:
        first = await publisher.record("a", "install_success", wait=True)
        others = [await publisher.record(f"b{n}", "install_failure") for n in range(40)]
        await asyncio.gather(*map(_settled, others))
        assert await others[0] is others[0]
        assert await publisher.flush(30)
    assert all(receipt.status is Status.SPOOL for receipt in [first, *others])
    assert len(spooled(tmp_path)) == 41


async def _settled(receipt: Any) -> None:
    await receipt


async def test_async_queue_without_room_waits_elsewhere(tmp_path: Path) -> None:
    """A full queue is waited for in another thread: all are accepted in the end."""
    limits = Limits(room_wait_s=30, queue_events=2)
    async with Publisher(NOBODY, host="h", state_dir=tmp_path, limits=limits) as publisher:
        receipts = [await publisher.record("c", "install_success") for _ in range(50)]
    assert all(receipt.accepted for receipt in receipts)
    assert json.loads(json.dumps(receipts[0].status)) == "spool"


def test_close_is_bounded_while_another_process_sends(
    blocking: Callable[..., BlockingPublisher], tmp_path: Path
) -> None:
    """A turn that never comes does not keep an installer: what it reported goes to the spool."""
    limits = Limits(patience_s=600, close_s=0.1)
    path = spool_for(NOBODY, tmp_path).path

    async def hold() -> None:
        async with turn(path, 0) as ours:
            assert ours
            publisher = blocking(limits=limits)
            receipt = publisher.record("c", "install_success")
            assert await asyncio.to_thread(publisher.close)
            assert receipt.status is Status.SPOOL

    asyncio.run(hold())
    assert len(spooled(tmp_path)) == 1
