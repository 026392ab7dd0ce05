"""Kubernetes' manifests: of the form that it takes, and naming what the code has."""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.generate.files import made
from deploy.generate.kubernetes import CLUSTER, SETTINGS
from deploy.generate.scaling import scaling
from processor.app import create_app
from processor.rights import ROLES, rights
from processor.settings import Settings, unknown_variables
from schemas.topics import OUTCOME_EVENTS, TOPICS
from tests.deploy.tools import DEPLOY, ROOT
from tests.deploy.vendor_schemas import KINDS, TARGET

FOLDER = DEPLOY / "kubernetes"
PARTS = {"worker": 9100, "serve": 8080, "gateway": 8090, "verdicts": 9100}
DOCUMENTS: list[dict[str, Any]] = [
    document
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
VENDORED = json.loads(TARGET.read_text(encoding="utf-8"))
CUSTOM = yaml.safe_load((ROOT / "tests" / "data" / "kubernetes" / "custom.yaml").read_text(encoding="utf-8"))


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """All documents of a kind, by name."""
    return {each["metadata"]["name"]: each for each in DOCUMENTS if each["kind"] == kind}


def schema_of(kind: str) -> dict[str, Any]:
    if kind in KINDS:
        return {**VENDORED, "$ref": f"#/$defs/{KINDS[kind]}"}
    return {
        **VENDORED,
        "properties": {"spec": CUSTOM[kind]},
        "required": ["apiVersion", "kind", "metadata", "spec"],
    }


@pytest.mark.parametrize("name", made())
def test_what_follows_from_code_is_made_of_it(name: str) -> None:
    """Topics, rights, alerts and panels change in code, and then their files: `make deploy-files`."""
    assert (DEPLOY / name).read_text(encoding="utf-8") == made()[name], "run `make deploy-files`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_the_form(document: dict[str, Any]) -> None:
    """Each document is of its kind's form, with no field that the kind does not have."""
    errors = list(Draft202012Validator(schema_of(document["kind"])).iter_errors(document))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_a_slip_is_seen() -> None:
    """The check of the form can fail: a field with a wrong name, deep inside, in ours and in theirs."""
    deployment = json.loads(json.dumps(of_kind("Deployment")["fleetfold-worker"]))
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    topic = json.loads(json.dumps(of_kind("KafkaTopic")[OUTCOME_EVENTS]))
    topic["spec"]["partition"] = 1
    for document in (deployment, topic):
        assert not Draft202012Validator(schema_of(document["kind"])).is_valid(document)


def test_every_file_is_applied() -> None:
    """The kustomization leaves none out."""
    named = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(named) == sorted(
        path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml"
    )


def test_every_topic_stands_on_three_nodes() -> None:
    """Each topic of the contract, with its settings, three copies and two in sync."""
    topics = of_kind("KafkaTopic")
    assert set(topics) == {SETTINGS.topic(spec.name) for spec in TOPICS}
    for spec in TOPICS:
        told = topics[SETTINGS.topic(spec.name)]["spec"]
        assert told["replicas"] == 3
        assert told["config"].items() >= {**spec.config(), "min.insync.replicas": "2"}.items()
        assert told["partitions"] == (spec.partitions if spec.one_order else SETTINGS.partitions)


@pytest.mark.parametrize("role", ROLES)
def test_every_user_may_do_what_its_part_needs_and_no_more(role: Any) -> None:
    """The rights of a KafkaUser are those of the table."""
    acls = of_kind("KafkaUser")[f"{CLUSTER}-{role}"]["spec"]["authorization"]["acls"]
    allowed = {
        (
            acl["resource"]["type"].replace("transactionalId", "transactional-id"),
            acl["resource"]["name"],
            operation,
            acl["resource"]["patternType"] == "prefix",
        )
        for acl in acls
        for operation in acl["operations"]
    }
    assert allowed == {
        (right.resource, right.name, right.operation, right.is_prefix) for right in rights(role, SETTINGS)
    }


def container(part: str) -> dict[str, Any]:
    found: dict[str, Any] = of_kind("Deployment")[f"{CLUSTER}-{part}"]["spec"]["template"]["spec"][
        "containers"
    ][0]
    return found


@pytest.mark.parametrize(("part", "port"), PARTS.items())
def test_probes_ask_where_the_part_answers(part: str, port: int) -> None:
    """Each probe's path and port are served; the image sets the address."""
    told = container(part)
    assert told["args"] == [part]
    assert told["ports"] == [{"name": "http", "containerPort": port}]
    probes = {name: told[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert [probes[name]["path"] for name in ("startup", "liveness", "readiness")] == [
        "/healthz",
        "/healthz",
        "/readyz",
    ]


@pytest.mark.parametrize("part", PARTS)
def test_nothing_runs_with_more_rights_than_it_needs(part: str) -> None:
    """No root, nothing to write to, no capability, no token of the cluster."""
    pod = of_kind("Deployment")[f"{CLUSTER}-{part}"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container(part)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("part", PARTS)
def test_budgets_and_services_choose_the_parts_pods(part: str) -> None:
    """A selector that matches nothing protects and serves nothing."""
    labels = of_kind("Deployment")[f"{CLUSTER}-{part}"]["spec"]["template"]["metadata"]["labels"]
    chosen = of_kind("PodDisruptionBudget")[f"{CLUSTER}-{part}"]["spec"]["selector"]["matchLabels"]
    assert chosen.items() <= labels.items()
    if part in ("serve", "gateway"):
        assert of_kind("Service")[f"{CLUSTER}-{part}"]["spec"]["selector"].items() <= labels.items()


def test_settings_exist_and_fit_together() -> None:
    """Every variable is a setting, its value is allowed, and certificates lie where they are mounted."""
    told = of_kind("ConfigMap")[CLUSTER]["data"]
    assert unknown_variables(told, env_file="") == []
    plain = {name: value for name, value in told.items() if not name.endswith("_FILE")}
    Settings(**{name.removeprefix("FLEETFOLD_").lower(): value for name, value in plain.items()})
    assert int(told["FLEETFOLD_PARTITIONS"]) == SETTINGS.partitions
    mounted = {mount["mountPath"] for part in PARTS for mount in container(part)["volumeMounts"]}
    files = {value for name, value in told.items() if name.endswith("_FILE")}
    assert {path.rpartition("/")[0] for path in files} == mounted
    listener = of_kind("Kafka")[CLUSTER]["spec"]["kafka"]["listeners"][0]
    assert told["FLEETFOLD_BOOTSTRAP"] == f"{CLUSTER}-kafka-bootstrap:{listener['port']}"


@pytest.mark.parametrize(
    ("part", "user"),
    [("worker", "worker"), ("serve", "reader"), ("gateway", "publisher"), ("verdicts", "verdicts")],
)
def test_each_part_is_its_own_user(part: str, user: str) -> None:
    """The certificate that is mounted is that of the user with the part's rights."""
    volumes = of_kind("Deployment")[f"{CLUSTER}-{part}"]["spec"]["template"]["spec"]["volumes"]
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in volumes}
    assert secrets["user"] == f"{CLUSTER}-{user}"
    assert secrets["user"] in of_kind("KafkaUser")
    assert secrets["ca"] == f"{CLUSTER}-cluster-ca-cert"


def test_workers_scale_on_what_waits() -> None:
    """KEDA watches all that workers read, as a user who may; never more than a worker a partition."""
    scaled = of_kind("ScaledObject")[f"{CLUSTER}-worker"]["spec"]
    assert scaled["scaleTargetRef"]["name"] in of_kind("Deployment")
    assert scaled["maxReplicaCount"] == SETTINGS.partitions
    for trigger in scaled["triggers"]:
        assert trigger["metadata"]["consumerGroup"] == SETTINGS.app_id
        assert trigger["authenticationRef"]["name"] in of_kind("TriggerAuthentication")
    assert {each["metadata"]["topic"] for each in scaled["triggers"]} == read_by_workers(SETTINGS)
    asked = of_kind("KafkaUser")[f"{CLUSTER}-scaler"]["spec"]["authorization"]["acls"]
    seen = {each["resource"]["name"] for each in asked if each["operations"] == ["Describe"]}
    assert seen == {*read_by_workers(SETTINGS), SETTINGS.app_id}
    secrets = {
        each["name"]
        for each in of_kind("TriggerAuthentication")[f"{CLUSTER}-scaler"]["spec"]["secretTargetRef"]
    }
    assert secrets == {f"{CLUSTER}-cluster-ca-cert", f"{CLUSTER}-scaler"}


def test_a_rebuilt_generation_scales_by_itself() -> None:
    """Its own group, on its own topics and the log, as many workers as it has partitions."""
    second = SETTINGS.model_copy(update={"generation": 2, "partitions": 24})
    _, scaled = scaling(second, cluster=CLUSTER, least=1)
    assert scaled["metadata"]["name"] == f"{CLUSTER}-worker-g2"
    assert scaled["spec"]["maxReplicaCount"] == 24
    triggers = [each["metadata"] for each in scaled["spec"]["triggers"]]
    assert {each["consumerGroup"] for each in triggers} == {second.group}
    assert {each["topic"] for each in triggers} == read_by_workers(second)
    assert "g2.routed-events" in read_by_workers(second)


def read_by_workers(settings: Settings) -> set[str]:
    """The topics that the agents of a worker read."""
    agents = create_app(settings).agents.values()
    return {str(name) for agent in agents for name in agent.get_topic_names()}


def test_the_network_lets_through_what_is_served() -> None:
    """Ports of the policies are those of the parts and of Kafka."""
    policies = of_kind("NetworkPolicy")
    watched = policies["fleetfold-parts"]["spec"]["ingress"][0]["ports"]
    assert {port["port"] for port in watched} == set(PARTS.values())
    asked = policies["fleetfold-http"]["spec"]["ingress"][0]["ports"]
    assert {port["port"] for port in asked} == {PARTS["serve"], PARTS["gateway"]}
    out = policies["fleetfold-parts"]["spec"]["egress"][0]["ports"]
    assert out == [{"port": of_kind("Kafka")[CLUSTER]["spec"]["kafka"]["listeners"][0]["port"]}]
