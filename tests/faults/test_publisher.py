"""Every outcome that a caller was told is accepted ends in the statistics, and exactly once."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processor.broker.ports import LOOPBACK, free_port
from processor.publish.client import BlockingPublisher, Limits
from processor.publish.core import spool_for
from processor.publish.publisher import open_publisher
from processor.publish.receipt import Receipt, Status
from processor.publish.uuid7 import uuid7
from processor.settings import Settings, load_settings
from processor.topics import create
from schemas import ComponentOutcome, OutcomeType
from tests.faults.accepted import check_accepted
from tests.faults.network import ProxiedKafka
from tests.proxy import Api, Fault, Proxy

pytestmark = pytest.mark.kafka

IMPATIENT = Limits(patience_s=1.0, close_s=2.0)


async def made(bootstrap: str, prefix: str) -> Settings:
    settings = load_settings(bootstrap=bootstrap, topic_prefix=prefix)
    await create(settings)
    return settings


@contextmanager
def reporter(bootstrap: str, prefix: str, state: Path, name: str) -> Iterator["subprocess.Popen[str]"]:
    """Run an installer; it is killed at the end of the block, if not before."""
    command = [sys.executable, "-m", "tests.faults.reporter", bootstrap, prefix, str(state), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def killed_after(lines: int, process: "subprocess.Popen[str]") -> list[str]:
    """Read so many acceptances, kill, and return all that were said, also those still in the pipe."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    said += process.stdout.readlines()
    assert all(said), "the reporter ended by itself"
    return [line.split()[0] for line in said if line.endswith("\n")]


def publisher(bootstrap: str, prefix: str, state: Path, **how: Any) -> BlockingPublisher:
    settings = Settings(bootstrap=bootstrap, topic_prefix=prefix, **how.pop("settings", {}))
    return BlockingPublisher(
        settings, state_dir=state, limits=IMPATIENT, plain_host=True, on_trouble=lambda _: None, **how
    )


def report(to: BlockingPublisher, events: int, hosts: int = 2, name: str = "c") -> list[Receipt]:
    kinds = ("install_failure", "install_success", "used_in_session")
    return [to.record(f"{name}-{n % 9}", kinds[n % 3], host_id=f"host-{n % hosts}") for n in range(events)]


async def settled(to: BlockingPublisher) -> None:
    assert await asyncio.to_thread(to.flush, 60)


def ids(receipts: list[Receipt]) -> list[str]:
    return [receipt.event_id for receipt in receipts if receipt.accepted]


async def test_killed_at_any_moment(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """S4, S8: SIGKILL while it sends, again and again, and a restart that goes on: none lost, none twice."""
    settings = await made(kafka.bootstrap, prefix)
    rng, told = random.Random(5), list[str]()
    for turn in range(5):
        with reporter(kafka.bootstrap, prefix, tmp_path, f"r{turn}") as process:
            told += await asyncio.to_thread(killed_after, rng.randrange(1, 400), process)
    await check_accepted(settings, told, tmp_path)


async def test_killed_while_it_spools_and_drains(
    proxied_kafka: ProxiedKafka, proxy: Proxy, prefix: str, tmp_path: Path
) -> None:
    """S4, S8: killed with its answers held up, so that what waits has arrived already; then sent again."""
    settings = await made(proxied_kafka.broker.bootstrap, prefix)
    told: list[str] = []
    for turn in range(3):
        topic = f"{prefix}outcome-events".encode()
        proxy.arm(Fault(Api.PRODUCE, after=True, delay_s=None, times=None, match=topic))
        with reporter(proxy.bootstrap, prefix, tmp_path, f"r{turn}") as process:
            told += await asyncio.to_thread(killed_after, 100, process)
        proxy.disarm()
    copies = await check_accepted(settings, told, tmp_path)
    assert copies > 0, "nothing was sent twice: the test shows nothing"


@pytest.mark.parametrize("after", [False, True], ids=["unheard", "unanswered"])
@pytest.mark.parametrize("delay_s", [0, None], ids=["dropped", "held"])
async def test_cut_network(
    proxied_kafka: ProxiedKafka, proxy: Proxy, prefix: str, tmp_path: Path, delay_s: float | None, after: bool
) -> None:
    """S4, S12: requests are dropped or held, before or after the broker heard of them; then it is well."""
    settings = await made(proxied_kafka.broker.bootstrap, prefix)
    topic = f"{prefix}outcome-events".encode()
    one = publisher(proxy.bootstrap, prefix, tmp_path)
    first = report(one, 50)
    await settled(one)
    fault = proxy.arm(Fault(Api.PRODUCE, after=after, delay_s=delay_s, times=None, match=topic))
    cut = report(one, 80)
    await fault.hits()
    await settled(one)
    proxy.disarm()
    last = report(one, 80)
    await settled(one)
    assert await asyncio.to_thread(one.close)
    receipts = first + cut + last
    assert all(receipt.accepted for receipt in receipts)
    assert {receipt.status for receipt in cut} == {Status.SPOOL}
    await check_accepted(settings, ids(receipts), tmp_path)


async def test_offline_at_first(proxied_kafka: ProxiedKafka, prefix: str, tmp_path: Path) -> None:
    """S4: reports made with no network are sent by the next call that has one, before its own event."""
    settings = await made(proxied_kafka.broker.bootstrap, prefix)
    way = proxied_kafka.proxy()
    with publisher(way.bootstrap, prefix, tmp_path) as one:
        offline = report(one, 100)
        await settled(one)
    assert {receipt.status for receipt in offline} == {Status.SPOOL}
    async with way.running():
        two = publisher(way.bootstrap, prefix, tmp_path)
        online = report(two, 1, name="later")
        await settled(two)
        assert [receipt.status for receipt in online] == [Status.KAFKA]
        await asyncio.to_thread(two.close)
    await check_accepted(settings, ids(offline + online))


async def test_full_spool(proxied_kafka: ProxiedKafka, prefix: str, tmp_path: Path) -> None:
    """A spool that fills up refuses the newest: what was refused is not counted, what was accepted is."""
    settings = await made(proxied_kafka.broker.bootstrap, prefix)
    nowhere = f"{LOOPBACK}:{free_port()}"
    with publisher(nowhere, prefix, tmp_path, settings={"spool_max_mb": 1}) as one:
        receipts = report(one, 6_000)
        await settled(one)
    refused = [receipt for receipt in receipts if not receipt.accepted]
    assert {receipt.reason for receipt in refused} == {"spool_full"}
    assert receipts.index(refused[0]) == len(receipts) - len(refused) > 1_000
    await check_accepted(settings, ids(receipts), tmp_path)


async def test_an_import_that_is_cut_off(
    proxied_kafka: ProxiedKafka, proxy: Proxy, prefix: str, tmp_path: Path
) -> None:
    """S4: what an import sent without an answer goes before all that its host reports later; once counts."""
    settings = await made(proxied_kafka.broker.bootstrap, prefix)
    through = settings.model_copy(update={"bootstrap": proxy.bootstrap, "request_timeout_s": 1})
    topic = f"{prefix}outcome-events".encode()
    events = [
        ComponentOutcome(
            component_id=f"i-{n}",
            outcome_type=OutcomeType.INSTALL_FAILURE,
            event_id=uuid7(),
            host_id="host-0",
        )
        for n in range(100)
    ]
    async with open_publisher(through, spool=spool_for(through, tmp_path)) as importing:
        assert await importing.send_many(events[:20]) == 20
        fault = proxy.arm(Fault(Api.PRODUCE, after=True, delay_s=None, times=None, match=topic))
        assert await importing.send_many(events[20:]) == 80
        await fault.hits()
        assert importing.spooled == 80
        assert "outcome-events" in importing.trouble
    proxy.disarm()
    one = publisher(proxy.bootstrap, prefix, tmp_path)
    later = report(one, 90, hosts=1)
    await settled(one)
    await asyncio.to_thread(one.close)
    told = [str(event.event_id) for event in events] + ids(later)
    assert len(told) == 190
    assert await check_accepted(settings, told, tmp_path) > 0


async def test_broker_killed_and_restarted(own_broker: Any, prefix: str, tmp_path: Path) -> None:
    """S11: a broker that dies under load and comes back: what it did not acknowledge waits on the disk."""
    broker = own_broker()
    settings = await made(broker.bootstrap, prefix)
    one = publisher(broker.bootstrap, prefix, tmp_path)
    receipts = report(one, 200)
    await asyncio.to_thread(broker.kill)
    receipts += report(one, 200)
    await settled(one)
    await asyncio.to_thread(broker.restart)
    receipts += report(one, 200)
    await settled(one)
    await asyncio.to_thread(one.close)
    assert all(receipt.accepted for receipt in receipts)
    assert Status.SPOOL in {receipt.status for receipt in receipts}
    await check_accepted(settings, ids(receipts), tmp_path)


async def test_several_publishers_of_one_machine(
    proxied_kafka: ProxiedKafka, proxy: Proxy, prefix: str, tmp_path: Path
) -> None:
    """S4: processes that report the same hosts take turns, so that no resend is too late for the ring."""
    settings = await made(proxied_kafka.broker.bootstrap, prefix)
    topic = f"{prefix}outcome-events".encode()
    told: list[str] = []
    with (
        reporter(proxy.bootstrap, prefix, tmp_path, "a") as first,
        reporter(proxy.bootstrap, prefix, tmp_path, "b") as second,
        reporter(proxy.bootstrap, prefix, tmp_path, "c") as third,
    ):
        proxy.arm(Fault(Api.PRODUCE, after=True, times=10, match=topic))
        told += await asyncio.to_thread(killed_after, 150, first)
        proxy.arm(Fault(Api.PRODUCE, after=True, delay_s=2, times=2, match=topic))
        told += await asyncio.to_thread(killed_after, 300, second)
        told += await asyncio.to_thread(killed_after, 300, third)
    proxy.disarm()
    await check_accepted(settings, told, tmp_path)
