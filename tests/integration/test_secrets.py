"""Secrets are shown to nobody: all that each part prints at DEBUG is searched for them, whole or in parts."""

import asyncio
import base64
import logging
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
from aiohttp import ClientSession

from processor.broker.ports import LOOPBACK, free_port
from processor.publish import BlockingPublisher
from processor.rights import rights
from processor.settings import load_settings
from processor.topics import create
from tests.commands import CommandLine
from tests.records import event, uuid_of
from tests.secured import Secured, password_of
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

READ_TOKEN, PUBLISH_TOKEN = "read-t0ken-0123456789", "publish-t0ken-9876543210"
SALT, KEY_WORD = "the-fleets-s3cret-salt", "key-s3cret-word"
TOKENS = {"FLEETFOLD_TOKENS": f"r read {READ_TOKEN};p publish {PUBLISH_TOKEN}"}


def shown(printed: str, secrets: list[str]) -> list[str]:
    """The secrets that stand in a text: as they are, as Base64 (of SASL's own form, too) or in a URL."""
    found = []
    for secret in secrets:
        raw = secret.encode()
        forms = {secret, quote(secret, safe=""), raw.hex(), base64.b64encode(raw).decode()}
        forms |= {base64.b64encode(b"\0worker\0" + raw).decode(), repr(secret)[1:-1]}
        found += [form for form in forms if form in printed]
    return found


def key_lines(*certificates: Path) -> list[str]:
    """The lines of private keys in PEM files."""
    lines: list[str] = []
    for path in certificates:
        text = path.read_text("ascii")
        key = text[text.index("PRIVATE KEY-----") : text.index("-----END")]
        lines += key.splitlines()[1:]
    return lines


@pytest.mark.parametrize("way", ["WORDS", "SCRAM512", "MUTUAL"])
async def test_no_part_prints_a_secret(secured: Secured, way: str, prefix: str, tmp_path: Path) -> None:
    """X10: worker, service, gateway, publisher, queries and failures at DEBUG, by each way of proof."""
    harness = secured.harness(prefix)
    await create(harness)
    await secured.give_roles(harness)
    await secured.give("worker", rights("reader", harness))  # one user is each part here
    names = {"topic_prefix": prefix, "app_id": harness.app_id, "partitions": harness.partitions}
    told = secured.told(way, "worker") | names | {"log_level": "DEBUG", "host_salt": SALT}
    if way == "MUTUAL":
        (tmp_path / "key").write_text(KEY_WORD, "utf-8")
        certificate = secured.authority.issue("worker", password=KEY_WORD)
        told |= {"ssl_cert_file": str(certificate), "ssl_key_password_file": str(tmp_path / "key")}
    else:  # this time in the environment
        del told["sasl_password_file"]
        told |= {"sasl_password": password_of("worker")}
    command = CommandLine(told, TOKENS | {"FLEETFOLD_STATE_DIR": str(tmp_path)})
    await eventually(lambda: ready(command))
    await command.works("publish", "c", "install_failure", "--host", "h", "--json")
    await serve_and_ask(command)
    await gateway(command)
    await fail_in_every_way(command, tmp_path)
    printed = "".join(command.printed)
    secrets = [password_of("worker"), READ_TOKEN, PUBLISH_TOKEN, SALT, KEY_WORD]
    assert "SaslAuthenticate" in printed or way == "MUTUAL"  # what is looked for was logged, and hidden
    assert "aiokafka" in printed
    assert not shown(printed, secrets + key_lines(*secured.folder.glob("worker*.pem")))


async def ready(command: CommandLine) -> bool:
    """Run a worker until it folds; whether it did, for rights take a moment to arrive."""
    try:
        async with command.running("worker", ready=r"ready\b"):
            return True
    except AssertionError:
        return False


async def serve_and_ask(command: CommandLine) -> None:
    """A service that takes outcomes too, asked with the right token, the wrong one and none."""
    asked = ("serve", "--port", "0", "--publish")
    async with command.running(*asked, ready=r"serving on (http://[^\s\x1b]+)") as found:
        url = found[1]
        query = CommandLine(
            command.settings, {**command.environment, "FLEETFOLD_TOKEN": READ_TOKEN}, command.printed
        )
        await eventually(lambda: worked(query, "problematic", "--url", url))
        for token in (PUBLISH_TOKEN, f"{READ_TOKEN}x"):
            wrong = CommandLine(
                query.settings, {**query.environment, "FLEETFOLD_TOKEN": token}, query.printed
            )
            assert (await wrong.run("problematic", "--url", url)).code == 2


async def worked(command: CommandLine, *arguments: str) -> bool:
    return (await command.run(*arguments)).code in {0, 1}


async def gateway(command: CommandLine) -> None:
    """A gateway, asked with the right token and the wrong one."""
    port = free_port()
    body = orjson.dumps(event(event_id=uuid_of(3)))
    async with command.running("gateway", "--port", str(port), ready="listens"), ClientSession() as session:
        for token in (PUBLISH_TOKEN, READ_TOKEN):
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            address = f"http://{LOOPBACK}:{port}/v1/outcomes"
            async with session.post(address, data=body, headers=headers) as answer:
                assert answer.status in {202, 403, 503}


async def fail_in_every_way(command: CommandLine, folder: Path) -> None:
    """Commands whose settings are wrong: each names the setting, none its secret."""
    (folder / "swapped").write_text(f"r {READ_TOKEN} read\n", "utf-8")
    wrong: list[dict[str, object]] = [
        {"sasl_password": f"{password_of('worker')}-wrong", "security_protocol": "SASL_SSL"},
        {"host_salt": SALT[:9]},
        {"ssl_key_password_file": __file__},
        {"partitions": "none"},
        {"bootstrap": f"{LOOPBACK}:1"},
    ]
    runs = [CommandLine({**command.settings, **one}, command.environment, command.printed) for one in wrong]
    await asyncio.gather(*(run.run("topics", "verify") for run in runs))
    swapped = CommandLine(
        {**command.settings, "tokens_file": str(folder / "swapped")}, command.environment, command.printed
    )
    for part in ("serve", "gateway"):
        ended = await swapped.run(part)
        assert (ended.code, "is no scope" in ended.err) == (2, True), ended


def test_a_library_hides_it_too(
    secured: Secured, prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """X10: an installer that logs at DEBUG by handlers of its own is shown no password by our client."""
    settings = load_settings(**secured.told("WORDS", "publisher"), topic_prefix=prefix)
    asyncio.run(create(secured.harness(prefix)))
    with caplog.at_level(logging.DEBUG):
        with BlockingPublisher(settings, state_dir=tmp_path, host="h") as publisher:
            publisher.record("c", "install_success")
        asyncio.run(asyncio.sleep(0))
    assert "SaslAuthenticateRequest" in caplog.text
    assert not shown(caplog.text, [password_of("publisher")])
