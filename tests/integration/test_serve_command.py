"""`fleetfold serve` on a real broker, with a real worker behind it."""

import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from processor.settings import Settings
from tests.records import event, uuid_of
from tests.served import EVIL
from tests.serving import Service
from tests.stream import Stream
from tests.waiting import eventually
from tests.watching import samples

pytestmark = pytest.mark.kafka

EVERYWHERE = "0.0.0.0"  # noqa: S104 -- what is refused, or has tokens


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


@pytest.fixture
async def service(stream: Stream, tmp_path: Path) -> AsyncIterator[Service]:
    snapshot = str(tmp_path / "snapshot")
    with Service(
        stream.settings, tmp_path / "serve.log", "--snapshot", snapshot
    ).gone_at_the_end() as service:
        yield await service.ready()


async def next_event(reader: aiohttp.StreamReader, name: str) -> tuple[str, Any]:
    """Return the id and the data of the next event of a name."""
    fields: dict[str, str] = {}
    async for line in reader:
        text = line.decode().rstrip("\n")
        if text:
            key, _, value = text.partition(": ")
            fields[key] = value
        elif fields.get("event") == name:
            return fields["id"], orjson.loads(fields["data"])
        else:
            fields = {}
    raise AssertionError("the stream ended")


async def test_it_takes_outcomes_if_asked_to(stream: Stream, tmp_path: Path) -> None:
    """What is posted is answered by the service, and counted; each scope opens its own path alone."""
    tokens = "ci publish publisher-token-of-32-characters; ann read reader-token-of-32-characters-xx"
    publisher = {"Authorization": "Bearer publisher-token-of-32-characters"}
    reader = {"Authorization": "Bearer reader-token-of-32-characters-xx"}
    posted = event(component_id="posted", event_id=uuid_of(1))
    with Service(
        stream.settings, tmp_path / "serve.log", "--publish", FLEETFOLD_TOKENS=tokens
    ).gone_at_the_end() as service:
        await service.ready()
        async with stream.working(), aiohttp.ClientSession(service.url) as session:
            async with session.post("/v1/outcomes", json=posted, headers=reader) as answer:
                assert answer.status == 403
            async with session.post("/v1/outcomes", json=posted, headers=publisher) as answer:
                assert answer.status == 202, await answer.text()
            async with session.get("/v1/components/posted", headers=publisher) as answer:
                assert answer.status == 403

            async def is_counted() -> bool:
                async with session.get("/v1/components/posted", headers=reader) as found:
                    return found.status == 200

            await eventually(is_counted)
        found = await samples(service.url, reader)
        assert found["fleetfold_gateway_requests_total", "202"] == 1
        assert found["fleetfold_serve_ready",] == 1
        assert await service.stop() == 0


async def test_without_being_asked_to_it_takes_no_outcomes(service: Service) -> None:
    """A service for readers writes nothing, and needs no right to."""
    url = f"{service.url}/v1/outcomes"
    async with aiohttp.ClientSession() as session, session.post(url, json=event()) as answer:
        assert answer.status in {404, 405}


async def test_what_is_published_arrives_over_http_and_the_stream(stream: Stream, service: Service) -> None:
    """S1, S2, X9: from an event to the row, the pair, the sessions and the stream, with any id."""
    async with stream.working(), aiohttp.ClientSession() as session:
        async with session.get(f"{service.url}/v1/stream") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            await next_event(answer.content, "reset")
            await stream.publish(
                *(event(component_id=each, event_id=uuid_of(n)) for n, each in enumerate((EVIL, "b")))
            )
            rows: dict[str, Any] = {}
            kinds: set[str] = set()
            last_id = ""
            while not (EVIL in rows and {"pair", "session"} <= kinds):  # each topic comes at its own time
                last_id, data = await next_event(answer.content, "changes")
                kinds |= {each["kind"] for each in data["changes"]}
                rows |= {
                    each["component_id"]: each["row"]
                    for each in data["changes"]
                    if each["kind"] == "component"
                }
        assert rows[EVIL]["install_failures"] == 1
        await stream.publish(event(component_id="later", event_id=uuid_of(9)))
        headers = {"Last-Event-ID": last_id}
        async with session.get(f"{service.url}/v1/stream", headers=headers) as answer:
            _, data = await next_event(answer.content, "changes")
            assert data["changes"]
        async with session.get(f"{service.url}/v1/stream", headers={"Last-Event-ID": "00000000-1"}) as answer:
            assert (await next_event(answer.content, "reset"))[1] == {"reason": "start"}
    pairs = (await service.json("/v1/co-failures?min_count=1"))["pairs"]
    assert sorted((EVIL, "b")) in [[each["component_a"], each["component_b"]] for each in pairs]
    sessions = (await service.json("/v1/failure-sessions"))["sessions"]
    assert EVIL in sessions[0]["components"]


async def test_status_tells_of_the_pipeline(stream: Stream, service: Service) -> None:
    """Work that waits is seen without a worker, and gone when one has folded it."""
    await stream.publish(event())

    async def state(wanted: str) -> bool:
        pipeline = (await service.json("/v1/status"))["pipeline"]
        waiting = sum(pipeline["lag"].values())
        return bool(pipeline["state"] == wanted and (waiting == 0) == (wanted == "idle"))

    await eventually(lambda: state("folding"))
    await stream.fold()
    await eventually(lambda: state("idle"))
    assert (await service.json("/v1/status"))["rows"]["components"] == 1


async def test_sigterm_ends_it_clean_while_somebody_follows(
    stream: Stream, service: Service, tmp_path: Path
) -> None:
    """S14: the streams end, the snapshot is saved, the exit code is 0; and a restart begins from it."""
    await stream.publish(event())
    await stream.fold()
    await eventually(lambda: _has_rows(service))
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/stream") as answer:
        await next_event(answer.content, "reset")
        assert await service.stop() == 0
        assert await answer.content.read() is not None
    assert "Traceback" not in service.output()
    snapshot = tmp_path / "snapshot"
    assert snapshot.exists()
    again = Service(stream.settings, tmp_path / "again.log", "--snapshot", str(snapshot))
    with again.gone_at_the_end():
        await again.ready()
        assert "began from the snapshot" in again.output()
        assert await _has_rows(again)
        assert await again.stop() == 0


async def _has_rows(service: Service) -> bool:
    return bool((await service.json("/v1/status"))["rows"]["components"])


async def test_heads_without_end_are_cut(service: Service) -> None:
    """X12: a request whose head does not end gets no more memory."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        answer = b""
        try:
            for _ in range(100):
                connection.sendall(b"x-filler: " + b"x" * 4000 + b"\r\n")
            answer = connection.recv(1000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert await service.json("/healthz") == {"alive": True}


def run(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    where = ["--bootstrap", settings.bootstrap, "--topic-prefix", settings.topic_prefix]
    command = [sys.executable, "-m", "processor.cli.main", "serve", "--port", "0", *where, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


async def test_it_refuses_to_start_where_it_cannot_work(stream: Stream, tmp_path: Path, prefix: str) -> None:
    """X10: one clear line and exit code 2: no tokens and an open address, no topics, a wrong tokens' file."""
    done = run(stream.settings, "--host", EVERYWHERE)
    assert done.returncode == 2
    assert "can be reached from elsewhere: set FLEETFOLD_TOKENS_FILE" in done.stderr
    done = run(stream.settings, "--topic-prefix", f"{prefix}not-")
    assert (done.returncode, "there is no topic" in done.stderr, "Traceback" in done.stderr) == (
        2,
        True,
        False,
    )
    (tmp_path / "tokens").write_text("nonsense")
    done = run(stream.settings, "--tokens", str(tmp_path / "tokens"))
    assert (done.returncode, "must be NAME SCOPE" in done.stderr) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(stream.settings, "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "cannot listen on 127.0.0.1" in done.stderr) == (2, True)


async def test_with_tokens_it_listens_anywhere(stream: Stream, tmp_path: Path) -> None:
    """A token opens what it is for, over a real connection."""
    tokens = {"FLEETFOLD_TOKENS": "test read reader-0123456789"}
    service = Service(stream.settings, tmp_path / "log", "--host", EVERYWHERE, **tokens)
    with service.gone_at_the_end():
        await service.ready()
        service.url = service.url.replace(EVERYWHERE, "127.0.0.1")
        headers = {"Authorization": "Bearer reader-0123456789", "Host": "any.example"}
        assert (await service.json("/v1/status", headers=headers))["ready"]
        async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/status") as answer:
            assert answer.status == 401
            assert json.loads(await answer.text())["title"] == "Unauthorized"
