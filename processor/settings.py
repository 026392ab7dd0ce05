"""Every setting stands here once: its default, its unit, what is allowed and what it is for.

A setting comes from a flag, else from the environment (`FLEETFOLD_…`), else from `.env`, else from its
default. A value that cannot work stops the start with a message that names it. The table in the
documentation is what `python -m processor.settings` prints.
"""

import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from processor.errors import SettingsError
from processor.fields import number as _number
from processor.fields import text as _text
from processor.security import SecuritySettings

if TYPE_CHECKING:
    from processor.domain.config import FoldConfig

__all__ = [
    "ENV_PREFIX",
    "SECRETS",
    "SHARED_TOPICS",
    "Settings",
    "load_settings",
    "markdown_table",
    "unknown_variables",
]

ENV_PREFIX = "FLEETFOLD_"
ENV_FILE = ".env"

# Secrets come from the environment alone, and are in no settings that could be printed: who may use HTTP
# (`processor.tokens`), and the token that a query command shows.
SECRETS = ("FLEETFOLD_TOKENS", "FLEETFOLD_TOKEN")

# Variables that are read elsewhere: the embedded Kafka's cache, the opt-out, bookmarks and spool.
_READ_ELSEWHERE = (
    "FLEETFOLD_CACHE_DIR",
    "FLEETFOLD_OPT_OUT",
    "FLEETFOLD_STATE_DIR",
    *SECRETS,
)
_READ_ELSEWHERE_PREFIXES = ("FLEETFOLD_TEST_", "FLEETFOLD_BENCH_")

# The topics that all generations share, as schemas.topics has them, which a start does not load.
SHARED_TOPICS = frozenset({"outcome-events", "verdicts", "corrections", "overrides", "aliases"})

_NAME = re.compile(r"[A-Za-z0-9._-]*")
_LOOKS_LIKE_A_GENERATION = re.compile(r"(^|.*[^a-z0-9])g[0-9]+\.")
_SECRETS = frozenset({"correction_key", "host_salt", "sasl_password"})  # what a complaint must not repeat
_SALT_MIN = 16
_ORIGIN = re.compile(r"https?://[^\s/,?#@]+")
_URL = re.compile(r"https?://[^\s/,?#@]+(/[^\s,?#]*)?")
_PORT_MAX = 65535
_HOST_ID_MAX = 256  # as schemas.limits has it, which a start of the command line does not load
_PREFIX_MAX = 200  # Kafka allows 249 characters in a topic's name; ours take up to 49 of them with `g9999.`
_LEDGER_HEADROOM_BYTES = 48_576  # key, headers and the batch's frame; 1,000,000 are left by default
_DAY_US = 86_400_000_000


class Settings(SecuritySettings):
    """The settings of one process. Raises a pydantic error; `load_settings` turns it into one clear line."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    bootstrap: str = _text(
        "127.0.0.1:9092", "HOST:PORT, or several with commas between", "The Kafka brokers to ask first."
    )
    topic_prefix: str = _text(
        "",
        f"letters, digits, `.`, `_`, `-`; at most {_PREFIX_MAX}; no end like `g2.`",
        "Stands before each topic's name.",
    )
    app_id: str = _text(
        "fleetfold",
        "1 to 100 letters, digits, `.`, `_`, `-`",
        "The consumer group, and the start of each transactional id.",
    )
    generation: int = _number(
        0,
        0,
        9999,
        "generation",
        "Which result topics; 0: workers fold the first, readers follow the live one. 2 and up: a rebuild's.",
    )
    partitions: int = _number(
        4, 1, 1000, "partitions", "Partitions of each topic; a change needs a rebuild (`fleetfold rebuild`)."
    )
    replication_factor: int = _number(1, 1, 9, "copies", "Copies of each topic that is created.")
    events_retention_ms: int = Field(
        -1,
        ge=-1,
        description="How long outcome-events are kept; -1: for ever, so that all can be folded again.",
        json_schema_extra={"unit": "ms", "allowed": "-1, or a number from 1"},
    )
    session_gap_s: int = _number(
        60, 1, 86_400, "s", "Failures of a host this close belong to one session. A change needs a rebuild."
    )
    retention_s: int = _number(
        3600, 0, 31_536_000, "s", "A failure older than this before its host's newest adds no pairs."
    )
    mass_failure_cap: int = _number(
        50, 0, 10_000, "components", "A session with more components than this adds no pairs; 0 turns it off."
    )
    ring_size: int = _number(64, 32, 4096, "event ids", "How many of a host's last event ids are remembered.")
    host_idle_days: int = _number(30, 1, 3650, "days", "A host this long without an event is forgotten.")
    clock_skew_s: int = _number(
        600, 0, 86_400, "s", "An event this far ahead of its record gets the record's time."
    )
    max_components: int = _number(
        1_000_000, 0, 1_000_000_000, "components", "In one partition's table, at most; 0: any number."
    )
    max_pairs: int = _number(
        4_000_000, 0, 1_000_000_000, "pairs", "In one partition's table, at most; 0: any number."
    )
    max_hosts: int = _number(
        1_000_000,
        0,
        1_000_000_000,
        "hosts",
        "Remembered in one partition, at most; events of others are dead letters; 0: any number.",
    )
    dead_letter_limit: float = _number(
        0.5, 0.0, 1.0, "share", "More dead letters than this share stop the worker; 1.0 turns it off."
    )
    dead_letter_window: int = _number(
        1000, 1, 10_000_000, "records", "How many consecutive records the share is taken over, at least."
    )
    dead_letter_bytes: int = Field(
        1_073_741_824,
        ge=-1,
        description="A partition of dead-letters keeps this much when it is created, the newest; -1: all.",
        json_schema_extra={"unit": "bytes", "allowed": "-1, or a number from 1"},
    )
    gather_ms: int = _number(
        160,
        0,
        60_000,
        "ms",
        "What comes at a low rate gathers this long: less is sooner, more is cheaper.",
    )
    fetch_min_bytes: int = _number(1, 1, 104_857_600, "bytes", "A fetch is answered when there is this much.")
    fetch_max_wait_ms: int = _number(40, 0, 60_000, "ms", "A fetch is answered after this long in any case.")
    fetch_max_bytes: int = _number(
        16_777_216,
        1_048_576,
        104_857_600,
        "bytes",
        "One fetch returns this much at most; more takes more memory.",
    )
    max_batch_records: int = _number(
        80_000, 1, 1_000_000, "records", "Records in one batch, at most; a larger batch costs less per event."
    )
    session_timeout_s: int = _number(
        30, 1, 1800, "s", "A worker that is silent for this long loses its partitions."
    )
    heartbeat_interval_s: int = _number(3, 1, 600, "s", "How often a worker says that it lives.")
    request_timeout_s: int = _number(40, 1, 600, "s", "How long to wait for an answer of the broker.")
    transaction_timeout_s: int = _number(
        60, 1, 900, "s", "The broker gives up a transaction that is open for this long."
    )
    max_message_bytes: int = _number(
        1_048_576, 131_072, 104_857_600, "bytes", "The largest record; the topics must allow it."
    )
    verdicts_interval_s: float = _number(
        10.0, 0.1, 3600.0, "s", "How often verdicts are judged; a large fleet's less often."
    )
    shrink_strength: float = _number(
        20.0, 0.0, 1e6, "installs", "How many installs at the fleet's rate stand behind each shrunk rate."
    )
    metrics_port: int = _number(
        0, 0, _PORT_MAX, "port", "For /metrics, /healthz, /readyz; worker n has this + n - 1; 0: none."
    )
    metrics_host: str = _text("127.0.0.1", "an IP address of this machine", "On which address; 0.0.0.0: all.")
    serve_host: str = _text(
        "127.0.0.1", "an IP address of this machine", "Where HTTP is served; without tokens on loopback only."
    )
    serve_port: int = _number(8080, 0, _PORT_MAX, "port", "The port of HTTP; 0: any that is free.")
    serve_publish: bool = Field(
        default=False,
        description="Take outcomes beside the answers: `POST /v1/outcomes`, as the gateway does.",
        json_schema_extra={"unit": "", "allowed": "true or false"},
    )
    serve_history: bool = Field(
        default=True,
        description="Follow the time lines of components as well; they take memory for each day of each.",
        json_schema_extra={"unit": "", "allowed": "true or false"},
    )
    tokens_file: str = _text("", "a path", "Who may use HTTP: lines of name, scopes and token.")
    cors_origins: str = _text(
        "", "origins with commas between", "Web pages of these origins may read over HTTP; none by default."
    )
    snapshot_file: str = _text(
        "", "a path", "Where a view keeps its rows, so that a restart reads only what is new."
    )
    url: str = _text("", "an http or https URL", "Query commands ask this service in place of Kafka.")
    gateway_host: str = _text(
        "127.0.0.1",
        "an IP address of this machine",
        "Where the gateway listens; without tokens on loopback only.",
    )
    gateway_port: int = _number(8090, 0, _PORT_MAX, "port", "The gateway's port; 0: any that is free.")
    gateway_body_max_bytes: int = _number(
        8_388_608,
        1024,
        268_435_456,
        "bytes",
        "The largest body of a request, before and after decompression.",
    )
    gateway_batch_max: int = _number(10_000, 1, 1_000_000, "events", "Events in one request, at most.")
    gateway_rate: int = _number(
        0,
        0,
        10_000_000,
        "events/s",
        "Events that each token, or address, may send in a second; 0: any number.",
    )
    gateway_pending_max: int = _number(
        100_000, 1, 10_000_000, "events", "Events that may wait for Kafka; more are told to come back later."
    )
    broker_wait_s: float = _number(
        30,
        0,
        86_400,
        "s",
        "How long a worker or a service waits at its start for a broker that does not answer.",
    )
    processes: int | None = _number(
        None, 0, 256, "processes", "Supervised workers; 0: one per core; not given: one, not supervised."
    )
    restart_limit: int = _number(
        5, 0, 1000, "deaths", "A supervised worker that dies this often ends all; 0: never."
    )
    restart_window_s: float = _number(60, 1, 86_400, "s", "Within this time.")
    host_id: str = _text(
        "",
        f"at most {_HOST_ID_MAX} characters",
        "The name of this machine when it publishes; not given: the machine's own id.",
    )
    host_salt: SecretStr = Field(
        SecretStr(""),
        description="A secret of the fleet, the same on each machine: host ids are salted hashes of names.",
        json_schema_extra={"unit": "", "allowed": "16 characters or more; none: a salt that everyone knows"},
    )
    plain_host: bool = Field(
        default=False,
        description="Publish the machine's name as it is, not its hash.",
        json_schema_extra={"unit": "", "allowed": "true or false"},
    )
    spool_max_mb: int = _number(
        64, 1, 65_536, "MB", "How much a publisher keeps on disk while no Kafka is in reach."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _text(
        "INFO", "DEBUG, INFO, WARNING or ERROR", "How much is logged."
    )
    log_format: Literal["text", "json"] = _text("text", "text or json", "How it is logged.")

    @field_validator("bootstrap")
    @classmethod
    def _servers(cls, value: str) -> str:
        """Return the list without blanks, each server with a port."""
        servers = [server.strip() for server in value.split(",") if server.strip()]
        if not servers or not all(map(_is_server, servers)):
            raise ValueError("not a server")
        return ",".join(servers)

    @field_validator("host_id")
    @classmethod
    def _short_name(cls, value: str) -> str:
        """Return the name if the topic takes it."""
        if len(value) > _HOST_ID_MAX:
            raise ValueError("too long")
        return value

    @field_validator("host_salt", "correction_key")
    @classmethod
    def _no_guess(cls, value: SecretStr) -> SecretStr:
        """Return the secret if it is none, or too long to be guessed."""
        if 0 < len(value.get_secret_value()) < _SALT_MIN:
            raise ValueError("too short")
        return value

    @field_validator("cors_origins", "url")
    @classmethod
    def _urls(cls, value: str, info: ValidationInfo) -> str:
        """Return URLs without a slash at their ends; an origin has no path."""
        urls = [url.strip().rstrip("/") for url in value.split(",") if url.strip()]
        pattern = _ORIGIN if info.field_name == "cors_origins" else _URL
        if not all(map(pattern.fullmatch, urls)) or (info.field_name == "url" and len(urls) > 1):
            raise ValueError("not a URL")
        return ",".join(urls)

    @field_validator("topic_prefix", "app_id")
    @classmethod
    def _plain_name(cls, value: str, info: ValidationInfo) -> str:
        """Return the name if Kafka takes its characters and its length."""
        is_prefix = info.field_name == "topic_prefix"
        low, high = (0, _PREFIX_MAX) if is_prefix else (1, 100)
        if not _NAME.fullmatch(value) or not low <= len(value) <= high:
            raise ValueError("not a name")
        if is_prefix and _LOOKS_LIKE_A_GENERATION.fullmatch(value):
            raise ValueError("a rebuild's topics begin so")
        return value

    @field_validator("events_retention_ms", "dead_letter_bytes")
    @classmethod
    def _some_retention(cls, value: int) -> int:
        """Return the retention; 0 would delete what was just written."""
        if value == 0:
            raise ValueError("zero")
        return value

    @field_validator("metrics_host", "serve_host", "gateway_host")
    @classmethod
    def _address(cls, value: str) -> str:
        """Return the address if it is one; a name may stand for several."""
        return str(ip_address(value))

    @field_validator("log_level", "log_format", "security_protocol", "sasl_mechanism", mode="before")
    @classmethod
    def _any_case(cls, value: object, info: ValidationInfo) -> object:
        """Return the word in the case that we use."""
        if not isinstance(value, str):
            return value
        return value.lower() if info.field_name == "log_format" else value.upper()

    def topic(self, name: str) -> str:
        """Return the full name of a topic of the contract: the prefix, the generation and the name."""
        own = self.generation > 1 and name not in SHARED_TOPICS
        return f"{self.topic_prefix}g{self.generation}.{name}" if own else self.topic_prefix + name

    @property
    def group(self) -> str:
        """The consumer group, and the start of each transactional id: each generation has its own."""
        return f"{self.app_id}-g{self.generation}" if self.generation > 1 else self.app_id

    @property
    def intake_topic(self) -> str:
        """The full name of the topic that intake reads: the events, or a generation's own copy of them."""
        return self.topic("routed-events" if self.generation > 1 else "outcome-events")

    def remarks(self) -> dict[str, int | str]:
        """Return the settings that rows depend on: where two generations differ, they may be why."""
        names = ("session_gap_s", "retention_s", "mass_failure_cap", "ring_size", "host_idle_days",
                 "clock_skew_s", "max_message_bytes")  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def kafka_options(self) -> dict[str, Any]:
        """Return what every aiokafka client is given: the servers, the patience, the way to prove who we are.

        Raises:
            SettingsError: a file of the security settings cannot be read, or one is missing.
        """
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "request_timeout_ms": self.request_timeout_s * 1000,
            **self.security_options(),
        }

    def fold_config(self) -> "FoldConfig":
        """Return the settings that the folds know, in their units.

        Raises:
            SettingsError: each is allowed, and together they leave a host's ledger too little room.
        """
        from processor.domain.config import FoldConfig  # noqa: PLC0415  # publishers and readers never fold

        try:
            return FoldConfig(
                partitions=self.partitions,
                gap_us=self.session_gap_s * 1_000_000,
                retention_us=self.retention_s * 1_000_000,
                mass_failure_cap=self.mass_failure_cap,
                ring_size=self.ring_size,
                host_idle_us=self.host_idle_days * _DAY_US,
                skew_us=self.clock_skew_s * 1_000_000,
                ledger_limit_bytes=self.max_message_bytes - _LEDGER_HEADROOM_BYTES,
                correction_key=self.signing_key(),
                takes_unsigned=self.security_protocol == "PLAINTEXT",
                hosts_max=self.max_hosts,
                generation=max(self.generation, 1),
            )
        except ValueError as error:
            names = ("RETENTION_S", "SESSION_GAP_S", "RING_SIZE", "MAX_MESSAGE_BYTES")
            together = ", ".join(ENV_PREFIX + name for name in names)
            raise SettingsError(f"{together} do not fit together: {error}") from error


def load_settings(**overrides: Any) -> Settings:
    """Return the settings, with flags in place of the environment where given.

    Raises:
        SettingsError: one line that names every wrong setting, its variable and what is allowed.
    """
    settings = _checked(overrides)
    if settings.heartbeat_interval_s >= settings.session_timeout_s:
        raise SettingsError(
            f"heartbeat_interval_s ({ENV_PREFIX}HEARTBEAT_INTERVAL_S) is {settings.heartbeat_interval_s}: "
            f"it must be less than session_timeout_s, which is {settings.session_timeout_s}"
        )
    settings.fold_config()
    settings.security_options()
    return settings


def _checked(overrides: Mapping[str, Any]) -> Settings:
    """Return the settings, each within what is allowed for it alone."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("; ".join(_complaint(detail) for detail in error.errors())) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{ENV_FILE} is not UTF-8: {error.reason} at byte {error.start}") from error


def unknown_variables(environment: Mapping[str, str] | None = None, env_file: str = ENV_FILE) -> list[str]:
    """Return one warning for each FLEETFOLD_ variable that nothing reads, with the nearest that is read.

    Args:
        environment: the variables; the process's own when None.
        env_file: the file beside them; a missing one is empty.
    """
    names = set(os.environ if environment is None else environment) | set(dotenv_values(env_file))
    known = [ENV_PREFIX + name.upper() for name in Settings.model_fields]
    known += _READ_ELSEWHERE
    warnings = []
    for name in sorted(name for name in names if name.upper().startswith(ENV_PREFIX)):
        if name.upper() in known or name.upper().startswith(_READ_ELSEWHERE_PREFIXES):
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)[0]
        warnings.append(f"{name} is not a setting and is ignored; the nearest is {near}")
    return warnings


def markdown_table() -> str:
    """Return the settings as a table for the documentation."""
    lines = ["| Variable | Default | Unit | Allowed | What it is for |", "|---|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = f"`{field.default}`" if field.default not in ("", None, SecretStr("")) else ""
        unit, allowed = _extra(name, "unit"), _extra(name, "allowed")
        cells = (f"`{ENV_PREFIX}{name.upper()}`", default, unit, allowed, field.description or "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _complaint(detail: Mapping[str, Any]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    allowed = _extra(name, "allowed") or detail["msg"]
    given = "(hidden)" if name in _SECRETS else repr(detail["input"])
    return f"{name} ({ENV_PREFIX}{name.upper()}) is {given}: it must be {allowed}"


def _extra(name: str, key: str) -> str:
    field = Settings.model_fields.get(name)
    extra = field.json_schema_extra if field else None
    return str(extra.get(key, "")) if isinstance(extra, dict) else ""


def _is_server(server: str) -> bool:
    host, _, port = server.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    well_formed = bool(host) and (bracketed or ":" not in host) and "/" not in host and " " not in host
    return well_formed and port.isascii() and port.isdigit() and 1 <= int(port) <= _PORT_MAX


if __name__ == "__main__":
    print(markdown_table())  # noqa: T201  # the docs are made from what this prints
