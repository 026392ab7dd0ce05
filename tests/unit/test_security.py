"""X10: who we are is told to Kafka from settings, and a secret is shown to nobody."""

import ssl
from pathlib import Path

import pytest

from processor.correct.request import CorrectionError, Request
from processor.correct.writing import look
from processor.errors import SettingsError
from processor.settings import load_settings
from schemas.corrections import CorrectionKind

SECRET = "s3cret-word"
SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_username": "worker"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start each test in an empty folder, where no `.env` is."""
    monkeypatch.chdir(tmp_path)


def test_plaintext_needs_nothing() -> None:
    """Without a protocol, clients are told of no security, whatever else is set."""
    assert set(load_settings(sasl_password=SECRET).kafka_options()) == {
        "bootstrap_servers",
        "request_timeout_ms",
    }


def test_a_password_comes_from_a_file_first(tmp_path: Path) -> None:
    """A secret in a file wins over the environment; its last line break is no part of it."""
    (tmp_path / "word").write_text(f"{SECRET}\n", "utf-8")
    settings = load_settings(**SASL, sasl_password="another", sasl_password_file=tmp_path / "word")
    assert settings.kafka_options()["sasl_plain_password"] == SECRET
    assert load_settings(**SASL, sasl_password="another").kafka_options()["sasl_plain_password"] == "another"


@pytest.mark.parametrize("missing", [{"sasl_username": ""}, {"sasl_password": ""}])
def test_sasl_without_name_or_password_is_refused(missing: dict[str, str]) -> None:
    """X10: it is said which variables are needed, before any connection."""
    with pytest.raises(SettingsError, match="FLEETFOLD_SASL_USERNAME and FLEETFOLD_SASL_PASSWORD_FILE"):
        load_settings(**{**SASL, "sasl_password": SECRET, **missing})


def test_a_secret_is_shown_to_nobody() -> None:
    """Whatever prints or logs the settings shows stars."""
    settings = load_settings(**SASL, sasl_password=SECRET)
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    """X10: a wrong file stops the start with its setting, its name and what is wrong."""
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate", "utf-8")
    for name in ("ssl_ca_file", "ssl_cert_file"):
        with pytest.raises(SettingsError, match=f"{name} \\(FLEETFOLD_{name.upper()}\\) is .*bad.pem"):
            load_settings(security_protocol="SSL", **{name: bad})


def test_tls_checks_the_broker() -> None:
    """A broker's certificate and name are checked: there is no setting that turns it off."""
    context = load_settings(security_protocol="ssl").kafka_options()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_correction_key_comes_from_a_file_and_cannot_be_guessed(tmp_path: Path) -> None:
    """The key signs corrections, is shown to nobody, and a short one is refused wherever it stands."""
    file = tmp_path / "key"
    key = "a key of the whole fleet"
    file.write_text(f"{key}\n", "utf-8")
    settings = load_settings(correction_key_file=file)
    assert settings.signing_key() == key.encode()
    assert key not in repr(settings.fold_config())
    file.write_text("short", "utf-8")
    with pytest.raises(SettingsError, match="correction key is too short"):
        load_settings(correction_key_file=file).signing_key()
    assert not load_settings(security_protocol="SSL").fold_config().takes_unsigned
    assert load_settings().fold_config().takes_unsigned


async def test_a_correction_that_workers_would_refuse_is_not_made() -> None:
    """Without a correction key over anything but PLAINTEXT; it is said before Kafka is asked."""
    request = Request(CorrectionKind.RETRACT, "ada", "", {"host_id": "h"})
    with pytest.raises(CorrectionError, match="FLEETFOLD_CORRECTION_KEY"):
        await look(load_settings(security_protocol="SSL"), request)
