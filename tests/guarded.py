"""A broker that asks who you are and lets you do no more than its rules allow; and clients for it."""

from collections.abc import Callable, Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

from processor.broker import EmbeddedKafka
from processor.broker.ports import free_port
from processor.rights import Right

__all__ = ["ADMIN", "allow", "guarded_broker", "user"]

ADMIN = "admin"
RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8, "DescribeConfigs": 10}
PREFIXED, LITERAL, ALLOW = 4, 3, 3


class CreateAclsResponse(Response):  # type: ignore[misc] # aiokafka is read as Any: see pyproject.toml
    """Kafka's answer to CreateAcls, version 1; aiokafka has none."""

    API_KEY, API_VERSION = 30, 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("results", Array(("error_code", Int16), ("message", String("utf-8"))))
    )


class CreateAclsStruct(RequestStruct):  # type: ignore[misc] # as above
    """Kafka's CreateAcls request, version 1."""

    API_KEY, API_VERSION, RESPONSE_TYPE = 30, 1, CreateAclsResponse
    SCHEMA = Schema(
        (
            "creations",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                ("pattern_type", Int8),
                ("principal", String("utf-8")),
                ("host", String("utf-8")),
                ("operation", Int8),
                ("permission", Int8),
            ),
        )
    )


class CreateAcls(Request[CreateAclsStruct]):  # type: ignore[misc] # as above
    """Builds the request."""

    API_KEY = 30

    def __init__(self, creations: list[tuple[int, str, int, str, str, int, int]]) -> None:
        self._creations = creations

    def build(self, request_struct_class: type[CreateAclsStruct]) -> CreateAclsStruct:
        return request_struct_class(self._creations)


def guarded_broker(start: Callable[..., EmbeddedKafka], users: Iterable[str]) -> EmbeddedKafka:
    """Start a broker that knows some users by SCRAM, and refuses them everything at first.

    Args:
        start: the fixture `own_broker`.
        users: their names; each one's password is its name and `-word`.
    """
    port = free_port()
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return start(
        port=port,
        extra_config={
            "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
            "listener.name.client.scram-sha-256.sasl.jaas.config": (
                f'{scram} username="{ADMIN}" password="{ADMIN}-word";'
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:ANONYMOUS",  # the second: the controller's own listener
        },
        format_args=[
            f"--add-scram=SCRAM-SHA-256=[name={name},password={name}-word]" for name in (ADMIN, *users)
        ],
    )


def user(name: str, password: str | None = None) -> dict[str, str]:
    """Settings of a user of `guarded_broker`."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_username": name,
        "sasl_password": password or f"{name}-word",
    }


async def allow(options: Mapping[str, object], name: str, rights: Iterable[Right]) -> None:
    """Give a user rights.

    Args:
        options: an administrator's, as `Settings.kafka_options` returns them.
        name: the user.
        rights: what it may do from now on.
    """
    creations = [
        (
            RESOURCES[right.resource],
            right.name,
            PREFIXED if right.is_prefix else LITERAL,
            f"User:{name}",
            "*",
            OPERATIONS[right.operation],
            ALLOW,
        )
        for right in rights
    ]
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        answer = await admin._send_request(CreateAcls(creations))
    finally:
        await admin.close()
    assert [code for code, _ in answer.results] == [0] * len(creations)
