"""X10: a wrong password and a missing right are told in one clear line, and end with exit code 2."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer

from processor.admin import admin_client
from processor.broker import EmbeddedKafka
from processor.errors import KafkaRefusedError
from processor.preflight import check
from processor.rights import Right, rights
from processor.settings import Settings, load_settings
from processor.topics import create
from schemas.topics import COMPONENT_STATS, OUTCOME_EVENTS
from tests.guarded import ADMIN, allow, guarded_broker, user

pytestmark = pytest.mark.kafka

StartBroker = Callable[..., EmbeddedKafka]
WORKER = "worker"
WAIT_LIMIT_S = 60
NEVER = "\0"


@dataclass(frozen=True)
class Guarded:
    """A guarded broker with topics: the administrator's settings, and how a worker is told who it is."""

    admin: Settings

    def settings(self, **who: str) -> Settings:
        return load_settings(
            bootstrap=self.admin.bootstrap,
            topic_prefix=self.admin.topic_prefix,
            app_id=self.admin.app_id,
            **who,
        )

    async def worker(self, who: dict[str, str], *, stop_at: str = "ready") -> tuple[int | None, str]:
        """Run a worker until it ends, or stop it once it logs `stop_at`; its exit code and what it logged."""
        settings = self.settings(**who)
        told = {
            "BOOTSTRAP": settings.bootstrap,
            "TOPIC_PREFIX": settings.topic_prefix,
            "APP_ID": settings.app_id,
            **{name.upper(): value for name, value in who.items()},
        }
        environment = os.environ | {f"FLEETFOLD_{name}": value for name, value in told.items()}
        command = [sys.executable, "-m", "processor.cli.main", "worker"]
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        lines: list[str] = []
        try:
            async with asyncio.timeout(WAIT_LIMIT_S):
                async for line in process.stdout:
                    lines.append(line.decode())
                    if stop_at in lines[-1]:
                        process.terminate()
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            return None, "".join(lines)
        return process.returncode, "".join(lines)


@pytest.fixture
async def guarded(own_broker: StartBroker, prefix: str) -> Guarded:
    broker = await asyncio.to_thread(guarded_broker, own_broker, [WORKER])
    admin = load_settings(
        bootstrap=broker.bootstrap, topic_prefix=prefix, app_id=f"{prefix}app", partitions=4, **user(ADMIN)
    )
    await create(admin)
    return Guarded(admin)


async def without(guarded: Guarded, *missing: Right) -> None:
    """Give the worker all that it needs but for some."""
    needed = rights("worker", guarded.admin)
    assert set(missing) <= set(needed)
    await allow(guarded.admin.kafka_options(), WORKER, [right for right in needed if right not in missing])


async def test_a_worker_with_the_rights_of_the_table_works(guarded: Guarded) -> None:
    """X10: the table of rights is enough: a worker starts, and stops with 0."""
    await without(guarded)
    code, said = await guarded.worker(user(WORKER))
    assert code == 0, said


async def test_a_wrong_password_is_not_waited_for(guarded: Guarded) -> None:
    """X10: it says who is not let in, and never says the password; a worker ends with 2."""
    who = user(WORKER, "wrong-word")
    with pytest.raises(KafkaRefusedError, match="does not let in the user 'worker': wrong name or password"):
        await check(guarded.settings(**who), None)
    code, said = await guarded.worker(who)
    assert code == 2, said
    assert "wrong name or password" in said
    assert "wrong-word" not in said
    assert len(said.splitlines()) == 1


async def test_an_unknown_mechanism_is_named(guarded: Guarded) -> None:
    """X10: a broker that does not take our way of proving the password says so."""
    options = guarded.settings(**user(WORKER), sasl_mechanism="PLAIN").kafka_options()
    with pytest.raises(KafkaRefusedError, match="does not take PLAIN: see FLEETFOLD_SASL_MECHANISM"):
        async with admin_client(options):
            pass


def of_worker(guarded: Guarded, resource: str, operation: str, topic: str = "") -> Right:
    return next(
        right
        for right in rights("worker", guarded.admin)
        if (right.resource, right.operation) == (resource, operation) and right.name.endswith(topic)
    )


@pytest.mark.parametrize(
    ("resource", "operation", "topic", "says"),
    [
        ("topic", "Write", COMPONENT_STATS, "no right to read or write a topic"),
        ("topic", "Read", COMPONENT_STATS, "no right to"),
        ("topic", "Read", OUTCOME_EVENTS, "no right to"),
        ("topic", "DescribeConfigs", OUTCOME_EVENTS, "cannot see the settings"),
        ("group", "Read", "", "no right to use the consumer group"),
        ("transactional-id", "Write", "", "no right to use the transactional id"),
    ],
)
async def test_a_missing_right_is_named(
    guarded: Guarded, resource: str, operation: str, topic: str, says: str
) -> None:
    """X10: whichever right is missing, the worker says which and ends with 2 once it needs it."""
    missing = of_worker(guarded, resource, operation, topic)
    await without(guarded, missing)
    await publish_one(guarded)
    code, said = await guarded.worker(user(WORKER), stop_at=NEVER)
    assert code == 2, said
    assert says in said
    assert missing.name in said


async def publish_one(guarded: Guarded) -> None:
    async with AIOKafkaProducer(**guarded.admin.kafka_options()) as producer:
        value = b'{"component_id":"a","outcome_type":"install_success","host_id":"h"}'
        await producer.send_and_wait(guarded.admin.topic(OUTCOME_EVENTS), value, key=b"h")
