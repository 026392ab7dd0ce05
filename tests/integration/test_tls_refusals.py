"""X10: what is wrong between us and a broker with TLS is one line that says what and where; exit code 2."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from processor.cli.main import app
from processor.errors import KafkaRefusedError
from processor.preflight import check_admission
from processor.settings import load_settings
from tests.commands import CommandLine
from tests.secured import Secured

pytestmark = pytest.mark.kafka

CERTIFICATE = "the certificate of Kafka at {}"
NOT_ACCEPTED = (
    "Kafka at {} does not accept our certificate (FLEETFOLD_SSL_CERT_FILE): "
    "it is expired, or of an authority that the broker does not know"
)
TROUBLES = {
    "wrong authority": f"FLEETFOLD_SSL_CA_FILE does not vouch for {CERTIFICATE}: unable to get local issuer "
    "certificate; it must hold the authority that signed it",
    "expired": f"{CERTIFICATE} is not valid now: certificate has expired; the broker needs a new one",
    "other name": f"{CERTIFICATE} is for another name: IP address mismatch, certificate is not valid for "
    "'127.0.0.1'; name the brokers in FLEETFOLD_BOOTSTRAP as their certificates do",
    "no certificate": "Kafka at {} wants to see a certificate of ours: set FLEETFOLD_SSL_CERT_FILE",
    "strange certificate": NOT_ACCEPTED,
    "own expired": NOT_ACCEPTED,
    "plain to TLS": "Kafka at {} speaks TLS: set FLEETFOLD_SECURITY_PROTOCOL to SSL or SASL_SSL",
    "TLS to plain": "Kafka at {} speaks no TLS: see FLEETFOLD_SECURITY_PROTOCOL",
    "wrong password": "Kafka at {} does not let in the user 'worker': wrong name or password",
    "other mechanism": "Kafka at {} does not take SCRAM-SHA-256: see FLEETFOLD_SASL_MECHANISM",
    "no name": "Kafka at {} asks who we are: set FLEETFOLD_SECURITY_PROTOCOL to SASL_SSL",
    "needless name": "Kafka at {} asks for no password: see FLEETFOLD_SECURITY_PROTOCOL",
}


def troubled(secured: Secured, trouble: str) -> dict[str, str]:
    """Settings that lead into a trouble."""
    by_password = secured.told("SCRAM512", "worker")
    wrong = secured.folder / "wrong.password"
    wrong.write_text("wrong-s3cret-word", "utf-8")
    return {
        "wrong authority": secured.tls() | {"ssl_ca_file": str(secured.stranger.file)},
        "expired": secured.tls("EXPIRED"),
        "other name": secured.tls("ELSEWHERE"),
        "no certificate": secured.tls("MUTUAL"),
        "strange certificate": secured.tls("MUTUAL")
        | {"ssl_cert_file": str(secured.stranger.issue("strange"))},
        "own expired": secured.tls("MUTUAL")
        | {"ssl_cert_file": str(secured.authority.issue("old", expired=True))},
        "plain to TLS": {"bootstrap": secured.at("TLS")},
        "TLS to plain": secured.tls("CLIENT"),
        "wrong password": by_password | {"sasl_password_file": str(wrong)},
        "other mechanism": by_password | {"sasl_mechanism": "SCRAM-SHA-256"},
        "no name": secured.tls("SCRAM512"),
        "needless name": by_password | {"bootstrap": secured.at("TLS")},
    }[trouble]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_worker_says_what_is_wrong_and_where(secured: Secured, trouble: str) -> None:
    """X10: one line, exit code 2, and no wait for what waiting does not mend."""
    settings = troubled(secured, trouble)
    ended = await CommandLine(settings).run("worker")
    (line,) = ended.err.splitlines()
    assert (ended.code, ended.out) == (2, "")
    assert line.endswith(TROUBLES[trouble].format(settings["bootstrap"])), line
    assert "word" not in line.replace("password", "")


async def test_the_other_mechanism_lets_in(secured: Secured) -> None:
    """SCRAM-SHA-256 is as good as SCRAM-SHA-512, and a key may have a password of its own."""
    await check_admission(load_settings(**secured.told("SCRAM256", "worker")))
    (secured.folder / "key.password").write_text("key-s3cret-word\n", "utf-8")
    locked = secured.authority.issue("worker", password="key-s3cret-word")
    told = secured.tls("MUTUAL") | {"ssl_cert_file": str(locked)}
    await check_admission(load_settings(**told, ssl_key_password_file=secured.folder / "key.password"))
    with pytest.raises(KafkaRefusedError, match="wants to see a certificate"):
        await check_admission(load_settings(**secured.tls("MUTUAL")))


COMMANDS = {
    "stats": ("c",),
    "history": ("c",),
    "export": ("rows.csv",),
    "top": ("--once",),
    "serve": ("--port", "0"),
    "gateway": ("--port", "0"),
    "import": ("ndjson", "events.ndjson"),
    "simulate": ("--events", "10"),
    "dead-letters show": ("0:0",),
    "dead-letters replay": ("--yes",),
    "publish": ("--drain",),
    "switch": ("2",),
    "drop-generation": ("2",),
    "retract": ("--host", "h", "--reason", "a test", "--yes"),
    "undeprecate": ("c", "--reason", "a test", "--yes"),
    "override": ("c", "--reason", "a test"),
    "forget host": ("h", "--reason", "a test", "--yes"),
    "forget component": ("c", "--reason", "a test", "--yes"),
}
"""What a command needs beside its name."""

ELSEWHERE = {"demo", "broker", "access", "health", "gate", "rebuild-router"}
"""Two bring a Kafka of their own, one only prints, one asks a worker, one must not stop an install for want
of a Kafka, and one is started by `rebuild` alone."""


def commands() -> Iterator[str]:
    """Every subcommand that talks to a Kafka."""
    main = typer.main.get_command(app)
    assert isinstance(main, TyperGroup)
    for name, command in main.commands.items():
        if name in ELSEWHERE:
            continue
        if isinstance(command, TyperGroup):
            yield from (f"{name} {sub}" for sub in command.commands)
        else:
            yield name


@pytest.mark.parametrize("command", list(commands()))
async def test_every_command_says_whom_it_does_not_trust(
    secured: Secured, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X10: whichever part meets a broker that cannot prove who it is, it ends with that line and code 2."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.ndjson").write_text(
        '{"component_id":"c","outcome_type":"install_success"}\n', "utf-8"
    )
    settings = troubled(secured, "wrong authority")
    runner = CommandLine(settings, {"FLEETFOLD_STATE_DIR": str(tmp_path)})
    if command == "publish":  # what is published is kept on disk until a Kafka can be trusted
        kept = await runner.works("publish", "c", "install_success", "--host", "h")
        assert TROUBLES["wrong authority"].format(settings["bootstrap"]) in kept
    ended = await runner.run(*command.split(), *COMMANDS.get(command, ()))
    assert ended.code == 2, ended
    said = [
        line
        for line in ended.err.splitlines()
        if not re.match(r"(publishing|reading|sending what waits)\b", line)
    ]
    if command == "serve":  # its page is there before the first row is
        assert " serving on http://" in said.pop(0)
    assert len(said) == 1, ended
    assert said[0].endswith(TROUBLES["wrong authority"].format(settings["bootstrap"])), ended
