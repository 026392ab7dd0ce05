"""Settings: defaults, sources in their order, and a wrong value that names itself."""

from pathlib import Path

import pytest

from processor.domain.config import FoldConfig
from processor.errors import SettingsError
from processor.settings import Settings, load_settings, markdown_table, unknown_variables
from schemas.topics import topics_of

WRONG = [
    ("bootstrap", "nowhere", "HOST:PORT"),
    ("bootstrap", "host:70000", "HOST:PORT"),
    ("bootstrap", " , ", "HOST:PORT"),
    ("bootstrap", "http://host:9092", "HOST:PORT"),
    ("topic_prefix", "a b", "letters, digits"),
    ("topic_prefix", "x" * 201, "at most 200"),
    ("app_id", "fleet/fold", "letters, digits"),
    ("app_id", "x" * 101, "1 to 100"),
    ("topic_prefix", "g2.", "no end like"),
    ("topic_prefix", "x-g2.", "no end like"),
    ("generation", "-1", "from 0 to 9999"),
    ("partitions", "0", "from 1 to 1000"),
    ("partitions", "many", "from 1 to 1000"),
    ("partitions", "1.5", "from 1 to 1000"),
    ("replication_factor", "0", "from 1 to 9"),
    ("events_retention_ms", "0", "-1, or a number from 1"),
    ("events_retention_ms", "-2", "-1, or a number from 1"),
    ("session_gap_s", "0", "from 1 to 86400"),
    ("retention_s", "-1", "from 0"),
    ("mass_failure_cap", "-1", "from 0"),
    ("ring_size", "31", "from 32 to 4096"),
    ("host_idle_days", "0", "from 1"),
    ("clock_skew_s", "-1", "from 0"),
    ("dead_letter_limit", "1.1", "from 0.0 to 1.0"),
    ("dead_letter_limit", "nan", "from 0.0 to 1.0"),
    ("dead_letter_window", "0", "from 1"),
    ("fetch_min_bytes", "0", "from 1"),
    ("fetch_max_wait_ms", "-1", "from 0"),
    ("fetch_max_bytes", "1000", "from 1048576"),
    ("max_batch_records", "0", "from 1"),
    ("dead_letter_bytes", "0", "-1, or a number from 1"),
    ("max_components", "-1", "0 to 1000000000"),
    ("max_pairs", "many", "0 to 1000000000"),
    ("max_hosts", "1.5", "0 to 1000000000"),
    ("gather_ms", "-1", "from 0"),
    ("session_timeout_s", "0", "from 1"),
    ("verdicts_interval_s", "0", "from 0.1"),
    ("shrink_strength", "-1", "from 0.0"),
    ("heartbeat_interval_s", "0", "from 1"),
    ("request_timeout_s", "0", "from 1"),
    ("transaction_timeout_s", "901", "from 1 to 900"),
    ("max_message_bytes", "1000", "from 131072"),
    ("metrics_port", "65536", "from 0 to 65535"),
    ("metrics_host", "everywhere", "an IP address"),
    ("serve_host", "everywhere", "an IP address"),
    ("serve_port", "-1", "from 0 to 65535"),
    ("cors_origins", "https://example.org/path", "origins"),
    ("url", "ftp://example.org", "http or https"),
    ("url", "http://a,http://b", "http or https"),
    ("gateway_host", "everywhere", "an IP address"),
    ("gateway_port", "65536", "from 0 to 65535"),
    ("gateway_body_max_bytes", "10", "from 1024"),
    ("gateway_batch_max", "0", "from 1"),
    ("gateway_rate", "-1", "from 0"),
    ("gateway_pending_max", "0", "from 1"),
    ("broker_wait_s", "-1", "from 0"),
    ("processes", "-1", "from 0 to 256"),
    ("restart_limit", "-1", "from 0"),
    ("restart_window_s", "0", "from 1"),
    ("host_id", "x" * 257, "at most 256 characters"),
    ("host_salt", "short", "16 characters or more"),
    ("correction_key", "short", "16 characters or more"),
    ("correction_key_file", "nowhere", "a file that exists"),
    ("plain_host", "maybe", "true or false"),
    ("serve_publish", "maybe", "true or false"),
    ("serve_history", "maybe", "true or false"),
    ("spool_max_mb", "0", "from 1 to 65536"),
    ("log_level", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
    ("log_format", "xml", "text or json"),
    ("security_protocol", "TLS", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    ("sasl_mechanism", "GSSAPI", "SCRAM-SHA-256"),
    ("sasl_password_file", "nowhere", "a file that exists"),
    ("ssl_ca_file", "nowhere", "a PEM file that exists"),
    ("ssl_cert_file", "nowhere", "a PEM file that exists"),
    ("ssl_key_file", "nowhere", "a PEM file that exists"),
    ("ssl_key_password_file", "nowhere", "a file that exists"),
]
ANY_TEXT = {
    "sasl_username",
    "sasl_password",
    "snapshot_file",
    "tokens_file",
}  # only the broker can tell a wrong one


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start each test in an empty folder and without FLEETFOLD_ variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("BOOTSTRAP", "TOPIC_PREFIX", "PARTITIONS", "CACHE_DIR"):
        monkeypatch.delenv(f"FLEETFOLD_{name}", raising=False)


def test_defaults_are_those_of_the_design() -> None:
    """The defaults that the design promises stay as they are."""
    settings = load_settings()
    assert settings.bootstrap == "127.0.0.1:9092"
    assert (settings.partitions, settings.session_gap_s, settings.retention_s) == (4, 60, 3600)
    assert (settings.mass_failure_cap, settings.ring_size, settings.host_idle_days) == (50, 64, 30)
    assert settings.events_retention_ms == -1


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_wrong_value_names_itself(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong value stops the start and says which, what it is and what is allowed."""
    monkeypatch.setenv(f"FLEETFOLD_{name.upper()}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    shown = "(hidden)" if name in {"correction_key", "host_salt"} else repr(value)
    assert message.startswith(f"{name} (FLEETFOLD_{name.upper()}) is {shown}: it must be ")
    assert allowed in message
    assert "\n" not in message


def test_every_setting_has_a_wrong_value_tried() -> None:
    """A new setting needs a line in the table above."""
    assert {name for name, _, _ in WRONG} | ANY_TEXT == set(Settings.model_fields)


def test_flags_before_environment_before_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A flag wins over the environment, the environment over `.env`, that over the default."""
    (tmp_path / ".env").write_text("FLEETFOLD_PARTITIONS=5\nFLEETFOLD_APP_ID=file\nOTHER=1\n", "utf-8")
    monkeypatch.setenv("FLEETFOLD_PARTITIONS", "6")
    assert load_settings().partitions == 6
    assert load_settings(partitions=7).partitions == 7
    assert load_settings().app_id == "file"


def test_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that a compose file passes on empty is as good as unset."""
    monkeypatch.setenv("FLEETFOLD_PARTITIONS", "")
    assert load_settings().partitions == 4


def test_two_wrong_values_are_both_named() -> None:
    """Who mends one wrong value learns of the next in the same message."""
    with pytest.raises(SettingsError, match=r"partitions .*; ring_size "):
        load_settings(partitions=0, ring_size=1)


def test_heartbeat_must_fit_the_session() -> None:
    """A heartbeat slower than the session's timeout would lose the partitions again and again."""
    with pytest.raises(SettingsError, match="HEARTBEAT_INTERVAL_S"):
        load_settings(heartbeat_interval_s=30, session_timeout_s=30)


def test_env_file_in_another_encoding_is_said(tmp_path: Path) -> None:
    """A `.env` that is not UTF-8 is named, not a traceback."""
    (tmp_path / ".env").write_bytes(b"FLEETFOLD_APP_ID=\xff\n")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings()


def test_servers_are_tidied_and_v6_is_allowed() -> None:
    """Blanks between servers do no harm, and an IPv6 address stands in brackets."""
    assert load_settings(bootstrap=" a:1, [::1]:2 ,").bootstrap == "a:1,[::1]:2"
    assert load_settings(bootstrap="a:1,b:2").kafka_options()["bootstrap_servers"] == ["a:1", "b:2"]


def test_unknown_variable_names_the_nearest() -> None:
    """A misspelt variable is warned of, with the one that was meant."""
    environment = {"FLEETFOLD_PARTITION": "8", "FLEETFOLD_RINGSIZE": "64", "HOME": "x"}
    warnings = unknown_variables(environment)
    assert warnings == [
        "FLEETFOLD_PARTITION is not a setting and is ignored; the nearest is FLEETFOLD_PARTITIONS",
        "FLEETFOLD_RINGSIZE is not a setting and is ignored; the nearest is FLEETFOLD_RING_SIZE",
    ]


def test_known_variables_are_not_warned_of(tmp_path: Path) -> None:
    """Every setting and every variable read elsewhere is known; so is what `.env` holds."""
    environment = {f"FLEETFOLD_{name.upper()}": "" for name in Settings.model_fields}
    environment |= {"FLEETFOLD_CACHE_DIR": "", "FLEETFOLD_HOST_SALT": "", "FLEETFOLD_TEST_X": ""}
    assert unknown_variables(environment) == []
    (tmp_path / ".env").write_text("FLEETFOLD_PARTITOINS=1\n", "utf-8")
    assert len(unknown_variables({})) == 1


def test_table_has_a_line_for_each_setting() -> None:
    """The documentation's table is complete: variable, default, allowed and a text for each."""
    lines = markdown_table().splitlines()[2:]
    assert len(lines) == len(Settings.model_fields)
    for line, name in zip(lines, Settings.model_fields, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == f"`FLEETFOLD_{name.upper()}`"
        assert cells[3]
        assert cells[4].endswith(".")


def test_fold_config_is_in_the_units_of_the_folds() -> None:
    """Seconds and days become microseconds."""
    config = load_settings(partitions=3, session_gap_s=61, host_idle_days=2).fold_config()
    assert (config.partitions, config.gap_us, config.host_idle_us) == (3, 61_000_000, 172_800_000_000)
    assert load_settings().fold_config() == FoldConfig()


def test_settings_that_do_not_fit_together_are_named() -> None:
    """Each value is allowed, and together a host's ledger would not fit a record: said at the start."""
    with pytest.raises(SettingsError, match=r"FLEETFOLD_RETENTION_S, .* do not fit together"):
        load_settings(retention_s=31_536_000)


def test_topic_names_carry_the_prefix() -> None:
    """Every full name is the prefix and the name."""
    assert load_settings(topic_prefix="t1-").topic("outcome-events") == "t1-outcome-events"


def test_each_generation_has_names_of_its_own() -> None:
    """Topics, group and transactional ids of a rebuild are its own, but for what all generations share."""
    first, second = (load_settings(topic_prefix="p-", app_id="fold", generation=number) for number in (1, 2))
    assert first.topic("component-stats") == "p-component-stats"
    assert second.topic("component-stats") == "p-g2.component-stats"
    assert {spec.name for spec in topics_of(2) if first.topic(spec.name) == second.topic(spec.name)} == {
        spec.name for spec in topics_of(2) if spec.shared
    }
    assert (first.group, second.group) == ("fold", "fold-g2")
    assert (first.intake_topic, second.intake_topic) == ("p-outcome-events", "p-g2.routed-events")
    assert load_settings(topic_prefix="log2.").topic("x") == "log2.x"
