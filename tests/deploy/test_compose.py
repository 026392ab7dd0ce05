"""compose.yaml: of the form that Compose takes, and naming what the code has."""

from typing import Any

import yaml

from processor.broker.config import Member, broker_properties
from processor.broker.lockfile import read_lock
from processor.settings import Settings, unknown_variables
from processor.tokens import Scope, Tokens, Verdict, load_tokens
from tests.deploy.dockerfile import stages
from tests.deploy.tools import DEPLOY, run, tool


def read(name: str) -> Any:
    """A file of `deploy/`, of YAML or JSON."""
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


COMPOSE: dict[str, Any] = read("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KAFKA = [name for name in SERVICES if name.startswith("kafka-")]
PARTS = {"worker": 9100, "serve": 8080, "gateway": 8090, "verdicts": 9100}
# Settings of a broker that say what it keeps and when it has it.
DURABLE = (
    "auto.create.topics.enable",
    "default.replication.factor",
    "min.insync.replicas",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "process.roles",
    "inter.broker.listener.name",
    "controller.listener.names",
)


def properties(service: str) -> dict[str, str]:
    """A Kafka node's configuration: its image makes `a.b` of KAFKA_A_B."""
    told = SERVICES[service]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in told.items()
        if name.startswith("KAFKA_")
    }


def test_compose_takes_it() -> None:
    """Compose's own check: every field, reference, volume and variable."""
    run([tool("docker-compose", "make ops"), "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"])


def test_three_nodes_keep_three_copies_as_the_tested_ones_do() -> None:
    """What decides that nothing is lost is set as on the nodes of tests/faults/test_three_nodes.py."""
    assert len(KAFKA) == 3
    members = [Member(number, 1, 2) for number in (1, 2, 3)]
    tested = broker_properties(members[0], members, DEPLOY)
    for service in KAFKA:
        told = properties(service)
        assert {name: told[name] for name in DURABLE} == {name: tested[name] for name in DURABLE}
        assert told["unclean.leader.election.enable"] == "false"
        assert f"{told['node.id']}@{service}:9093" in told["controller.quorum.voters"]
        assert told["advertised.listeners"] == f"CLIENT://{service}:9092"
    assert len({properties(service)["node.id"] for service in KAFKA}) == 3


def test_the_kafka_that_is_tested_is_the_one_that_runs() -> None:
    """The image's version is that of the embedded Kafka."""
    versions = {jar.version for jar in read_lock() if jar.artifact == "kafka_2.13"}
    assert {SERVICES[service]["image"] for service in KAFKA} == {f"apache/kafka:{one}" for one in versions}


def test_what_is_asked_for_is_there() -> None:
    """Three nodes, two workers and two writers of verdicts, and all else once; the topics are made first."""
    assert SERVICES["worker"]["deploy"]["replicas"] == SERVICES["verdicts"]["deploy"]["replicas"] == 2
    assert {"serve", "gateway", "prometheus", "grafana"} <= set(SERVICES)
    assert set(SERVICES["topics"]["depends_on"]) == set(KAFKA)
    for part in PARTS:
        assert SERVICES[part]["command"] == [part]
        assert SERVICES[part]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}


def test_settings_exist_and_are_allowed() -> None:
    """Every variable is a setting, and its value works."""
    for part in (*PARTS, "topics"):
        told = SERVICES[part]["environment"]
        assert unknown_variables(told, env_file="") == []
        plain = {name.removeprefix("FLEETFOLD_").lower(): value for name, value in told.items()}
        settings = Settings(**{name: value for name, value in plain.items() if name != "tokens"})
        assert settings.bootstrap == ",".join(f"{service}:9092" for service in KAFKA)
        assert settings.replication_factor == 3


def test_nothing_of_ours_can_write_or_gain_rights() -> None:
    """A read-only root and no capability, as the image is tested with."""
    for part in (*PARTS, "topics"):
        told = SERVICES[part]
        assert (told["read_only"], told["cap_drop"]) == (True, ["ALL"])
        assert told["security_opt"] == ["no-new-privileges:true"]


def test_it_listens_on_this_machine_alone() -> None:
    """Kafka is not encrypted here and the tokens are known: no port is open to others."""
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert not any("ports" in SERVICES[service] for service in KAFKA)


def test_ports_are_those_of_the_image() -> None:
    """Published and scraped ports are served: the image's, or the settings' defaults."""
    image = stages(DEPLOY / "Dockerfile")[-1]
    assert set(map(int, image.all("EXPOSE")[0].split())) == set(PARTS.values())
    told = image.environment()
    defaults = Settings.model_fields
    assert int(told["FLEETFOLD_METRICS_PORT"]) == PARTS["worker"]
    assert defaults["serve_port"].default == PARTS["serve"]
    assert defaults["gateway_port"].default == PARTS["gateway"]
    for part in ("serve", "gateway"):
        assert SERVICES[part]["ports"] == [f"127.0.0.1:{PARTS[part]}:{PARTS[part]}"]
    for part in ("serve", "gateway", "verdicts"):
        assert SERVICES[part]["healthcheck"]["test"] == ["CMD", "fleetfold", "health", part]


def default_of(text: str) -> str:
    """A text with the defaults of its variables."""
    head, _, rest = text.partition("${")
    if not rest:
        return head
    variable, _, tail = rest.partition("}")
    return head + variable.partition(":-")[2] + default_of(tail)


def test_prometheus_may_read_what_it_scrapes() -> None:
    """Its token has the scope `read`, its jobs have the alerts' names, and their targets exist."""
    tokens = default_of(SERVICES["serve"]["environment"]["FLEETFOLD_TOKENS"])
    known: Tokens = load_tokens("", tokens)
    shown = default_of(COMPOSE["configs"]["read-token"]["content"]).encode()
    assert known.judge(b"Bearer " + shown, Scope.READ) is Verdict.ALLOWED
    assert known.judge(b"Bearer " + shown, Scope.PUBLISH) is Verdict.FORBIDDEN
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))[
        "scrape_configs"
    ]
    assert {job["job_name"] for job in jobs} == {f"fleetfold-{part}" for part in PARTS}
    for job in jobs:
        part = job["job_name"].removeprefix("fleetfold-")
        if PARTS[part] == PARTS["worker"]:
            (found,) = job["dns_sd_configs"]
            assert (found["names"], found["port"]) == ([part], PARTS[part])
        else:
            assert job["static_configs"] == [{"targets": [f"{part}:{PARTS[part]}"]}]


def test_prometheus_takes_its_configuration() -> None:
    """Promtool reads it, with the rules beside it."""
    promtool = tool("promtool", "Debian's prometheus")
    run([promtool, "check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yml")])


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    """The panels' source is the one that is provisioned, and the folder is the one that is mounted."""
    (source,) = read("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    panels = read("grafana/dashboards/fleetfold.json")["panels"]
    assert {panel["datasource"]["uid"] for panel in panels if "datasource" in panel} == {source["uid"]}
    (provider,) = read("grafana/provisioning/dashboards/fleetfold.yaml")["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
