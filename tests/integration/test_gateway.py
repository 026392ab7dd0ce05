"""The gateway as a process of its own, on a real Kafka, asked as its users ask."""

import asyncio
import contextlib
import gzip
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from aiohttp import ClientConnectionError, ClientSession

from processor.broker import EmbeddedKafka
from processor.broker.ports import LOOPBACK, free_port
from processor.settings import Settings
from processor.topics import create
from schemas.topics import OUTCOME_EVENTS
from tests.faults.accepted import check_accepted
from tests.faults.network import ProxiedKafka, proxied_broker
from tests.integration.test_publish import made
from tests.proxy import Api, Fault
from tests.records import event, uuid_of
from tests.stream import Stream
from tests.waiting import eventually
from tests.watching import samples

pytestmark = pytest.mark.kafka

TOKEN, OTHER = "publisher-token-0123", "reader-token-012345"
JSON = {"Content-Type": "application/json"}


class Served:
    """A gateway that runs.

    Args:
        port: where.
        process: as which process.
    """

    def __init__(self, port: int, process: "subprocess.Popen[str]") -> None:
        self.address = f"http://{LOOPBACK}:{port}"
        self.process = process

    async def post(self, body: Any, **headers: str) -> tuple[int, Any, Mapping[str, str]]:
        """Send a body; returns status, JSON and headers."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            ClientSession() as session,
            session.post(f"{self.address}/v1/outcomes", data=data, headers=sent) as response,
        ):
            return response.status, orjson.loads(await response.read()), response.headers.copy()

    async def ready(self) -> bool:
        try:
            async with ClientSession() as session, session.get(f"{self.address}/readyz") as response:
                return response.status == HTTPStatus.OK
        except ClientConnectionError:
            assert self.process.poll() is None, "the gateway ended by itself"
            return False


@contextlib.asynccontextmanager
async def gateway(settings: Settings, *, wait: bool = True, **environment: str) -> AsyncIterator[Served]:
    """Run `fleetfold gateway`; it must end well on SIGTERM."""
    port = free_port()
    command = [sys.executable, "-m", "processor.cli.main", "gateway", "--port", str(port)]
    where = ["--bootstrap", settings.bootstrap, "--topic-prefix", settings.topic_prefix]
    with subprocess.Popen([*command, *where], env=os.environ | environment, text=True) as process:  # noqa: ASYNC220
        served = Served(port, process)
        try:
            if wait:
                await eventually(served.ready)
            yield served
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 20) in {0, -signal.SIGTERM}
        finally:
            process.kill()


async def values_of(settings: Settings) -> list[dict[str, Any]]:
    stream = Stream(settings.bootstrap, settings.topic_prefix)
    return [orjson.loads(record.value or b"") for record in await stream.records(OUTCOME_EVENTS)]


async def test_what_is_answered_202_is_in_kafka(kafka: EmbeddedKafka, prefix: str) -> None:
    """S1, X2: one event, an array, lines, gzip and zstd: answers per event, and all accepted are folded."""
    settings = await made(kafka, prefix)
    events = [event(event_id=uuid_of(number)) for number in range(30)]
    async with gateway(settings) as served:
        assert (await served.post(events[0]))[:2] == (
            202,
            {
                "accepted": 1,
                "duplicate": 0,
                "rejected": 0,
                "results": [{"status": "accepted", "event_id": uuid_of(0)}],
            },
        )
        status, told, _ = await served.post([*events[1:10], {"component_id": ""}, events[9]])
        assert (status, told["accepted"], told["duplicate"], told["rejected"]) == (202, 9, 1, 1)
        assert told["results"][9] == {"status": "rejected", "field": "component_id", "reason": "empty"}
        lines = b"\n".join(map(orjson.dumps, events[10:20]))
        status, told, _ = await served.post(
            gzip.compress(lines), Content_Type="application/x-ndjson", Content_Encoding="gzip"
        )
        assert (status, told["accepted"]) == (202, 10)
        packed = zstandard.compress(orjson.dumps(events[20:]))
        status, told, _ = await served.post(packed, Content_Encoding="zstd")
        assert (status, told["accepted"]) == (202, 10)
    await check_accepted(settings, [one["event_id"] for one in events])


async def test_what_it_tells_of_itself(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """Requests by status, events by result and waves are counted, exactly; a scope guards the numbers."""
    settings = await made(kafka, prefix)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ci publish {TOKEN}\nprometheus read {OTHER}\n")
    ci, prometheus = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {OTHER}"}
    async with gateway(settings, FLEETFOLD_TOKENS_FILE=str(tokens)) as served:
        one = event(event_id=uuid_of(1))
        assert (await served.post([one, one, {"component_id": ""}], **ci))[0] == 202
        assert (await served.post([{"component_id": ""}], **ci))[0] == 422
        assert (await served.post(event(), **prometheus))[0] == 403
        metrics = f"{served.address}/metrics"
        for headers, expected in (({}, 401), (ci, 403)):
            async with ClientSession() as session, session.get(metrics, headers=headers) as answer:
                assert answer.status == expected
        found = await samples(served.address, prometheus)
    name = "fleetfold_gateway"
    assert {key[1:]: value for key, value in found.items() if key[0] == f"{name}_requests_total"} == {
        ("202",): 1,
        ("422",): 1,
        ("403",): 1,
    }
    assert {key[1:]: value for key, value in found.items() if key[0] == f"{name}_events_total"} == {
        ("accepted",): 1,
        ("duplicate",): 1,
        ("rejected",): 2,
    }
    assert found[f"{name}_request_seconds_count",] == 3
    assert found[f"{name}_acknowledge_seconds_count",] == 1
    assert (found[f"{name}_pending_events",], found[f"{name}_ready",]) == (0, 1)
    assert found[f"{name}_pending_limit_events",] == settings.gateway_pending_max


async def test_a_request_that_is_sent_again(kafka: EmbeddedKafka, prefix: str) -> None:
    """S4: with its Idempotency-Key it is sent once; by another gateway, the same event ids count once."""
    settings = await made(kafka, prefix)
    plain = [{"component_id": "c", "outcome_type": "install_success", "host_id": f"h{n}"} for n in range(3)]
    for number in range(2):
        async with gateway(settings) as served:
            first = await served.post(plain, Idempotency_Key="once")
            again = await served.post(plain, Idempotency_Key="once")
            other = await served.post(plain[:1], Idempotency_Key="once")
        assert (first[0], first[1]["accepted"]) == (202, 3)
        assert (again[0], again[1]["duplicate"]) == (202, 3)
        assert again[2]["Idempotency-Replayed"] == "true"
        assert (other[0], other[1]["status"]) == (422, 422)
        assert len(await values_of(settings)) == 3 * (number + 1)
    stream = Stream(kafka.bootstrap, prefix)
    await stream.fold()
    assert (await stream.stats())["c"]["install_successes"] == 3


async def test_who_may_publish(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """A token with the scope passes; none or another one is 401 or 403, as problem details."""
    settings = await made(kafka, prefix)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ci publish {TOKEN}\nboard read {OTHER}\n")
    async with gateway(settings, FLEETFOLD_TOKENS_FILE=str(tokens)) as served:
        for header, expected in (
            ({}, 401),
            ({"Authorization": "Bearer wrong-token-0123456"}, 401),
            ({"Authorization": f"Bearer {OTHER}"}, 403),
            ({"Authorization": f"Bearer {TOKEN}"}, 202),
        ):
            status, told, headers = await served.post(event(), **header)
            assert status == expected
            if status != HTTPStatus.ACCEPTED:
                assert headers["Content-Type"] == "application/problem+json"
                assert headers["WWW-Authenticate"].startswith("Bearer")
                assert (told["status"], bool(told["detail"])) == (status, True)
    assert len(await values_of(settings)) == 1


async def test_without_tokens_on_loopback_only(kafka: EmbeddedKafka, prefix: str) -> None:
    """Without tokens it neither listens elsewhere nor answers to a name that a web page gave it."""
    settings = await made(kafka, prefix)
    command = [sys.executable, "-m", "processor.cli.main", "gateway", "--host", "0.0.0.0"]  # noqa: S104
    refused = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode == 2
    assert "FLEETFOLD_TOKENS_FILE" in refused.stderr
    async with gateway(settings) as served:
        assert (await served.post(event(), Host="evil.example"))[0] == 421
        assert (await served.post(event(), Host="[bad"))[0] == 421
        assert (await served.post(event(), Content_Type="text/plain"))[0] == 415
    assert await values_of(settings) == []


async def test_limits(kafka: EmbeddedKafka, prefix: str) -> None:
    """Too large, too many and too fast are refused with the status that says which, and when to come back."""
    settings = await made(kafka, prefix)
    limits = {"BODY_MAX_BYTES": "20000", "BATCH_MAX": "20", "RATE": "5"}
    environment = {f"FLEETFOLD_GATEWAY_{name}": value for name, value in limits.items()}
    async with gateway(settings, wait=True, **environment) as served:
        assert (await served.post(b"x" * 20_001))[0] == 413
        bomb = gzip.compress(b" " * 20_001)
        assert (await served.post(bomb, Content_Encoding="gzip"))[0] == 413
        assert (await served.post([event(event_id=None)] * 21))[0] == 413
        assert (await served.post([event(event_id=None)] * 20))[0] == 202
        status, told, headers = await served.post(event())
        assert (status, told["title"], headers["Retry-After"]) == (429, "Too Many Requests", "2")


@pytest.fixture(scope="module")
def proxied() -> Any:
    with proxied_broker() as running:
        yield running


async def test_a_kafka_that_does_not_acknowledge(proxied: ProxiedKafka, prefix: str) -> None:
    """S4, S11: no 202 without an acknowledgement: 503, and what is sent again afterwards counts once."""
    direct = Settings(bootstrap=proxied.broker.bootstrap, topic_prefix=prefix)
    await create(direct)
    events = [event(event_id=uuid_of(number), host_id=f"h{number % 4}") for number in range(40)]
    async with proxied.proxy().running() as proxy:
        through = direct.model_copy(update={"bootstrap": proxy.bootstrap})
        async with gateway(through, FLEETFOLD_REQUEST_TIMEOUT_S="2") as served:
            assert (await served.post(events[:10]))[0] == 202
            topic = direct.topic(OUTCOME_EVENTS).encode()
            fault = proxy.arm(Fault(Api.PRODUCE, after=True, delay_s=None, times=None, match=topic))
            status, told, headers = await served.post(events)
            await fault.hits()
            assert (status, told["title"], headers["Retry-After"]) == (503, "Service Unavailable", "5")
            proxy.disarm()
            await eventually(served.ready)
            assert (await served.post(events))[0] == 202
    assert await check_accepted(direct, [one["event_id"] for one in events]) > 10


async def test_backpressure(proxied: ProxiedKafka, prefix: str) -> None:
    """While Kafka is slow no more than so many events wait: others are told when to come back."""
    direct = Settings(bootstrap=proxied.broker.bootstrap, topic_prefix=prefix)
    await create(direct)
    async with proxied.proxy().running() as proxy:
        through = direct.model_copy(update={"bootstrap": proxy.bootstrap})
        async with gateway(through, FLEETFOLD_GATEWAY_PENDING_MAX="10") as served:
            topic = direct.topic(OUTCOME_EVENTS).encode()
            fault = proxy.arm(Fault(Api.PRODUCE, delay_s=None, match=topic))
            first = asyncio.create_task(served.post(event()))
            await fault.hits()
            second = asyncio.create_task(served.post([event(event_id=None)] * 10))
            statuses: list[int] = []

            async def refused() -> bool:
                status, _, headers = await served.post([event(event_id=None)] * 10)
                statuses.append(status)
                return status == 429 and headers["Retry-After"] == "1"

            waiting = asyncio.create_task(eventually(refused, 5))
            await asyncio.wait([waiting], timeout=5)
            fault.release()
            await waiting
            assert [(await first)[0], (await second)[0]] == [202, 202]
    assert statuses[-1] == 429


async def test_no_kafka_at_its_start(prefix: str) -> None:
    """X10: without a Kafka the gateway runs, is not ready, and answers 503 that say why."""
    settings = Settings(bootstrap=f"{LOOPBACK}:{free_port()}", topic_prefix=prefix)
    async with gateway(settings, wait=False) as served:

        async def answers() -> bool:
            with contextlib.suppress(ClientConnectionError):
                status, told, _ = await served.post(event())
                return status == 503 and "no Kafka answers" in told["detail"]
            return False

        await eventually(answers)
        assert not await served.ready()
        assert (await samples(served.address))["fleetfold_gateway_ready",] == 0
