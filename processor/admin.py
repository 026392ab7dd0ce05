"""Questions to the broker that change nothing by being asked: a missing topic stays missing.

A broker with `auto.create.topics.enable` makes a topic, with the wrong settings, for any client that
names it in an ordinary metadata request. What is asked here forbids that.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from processor.errors import KafkaRefusedError, KafkaUnavailableError, TopicsError
from processor.logs import quiet_clients
from processor.reach import refusal

__all__ = ["AdminClient", "admin_client", "explained", "kafka_trouble"]

_NO_ERROR = 0
_UNKNOWN_TOPIC = 3
_LEADER_NOT_AVAILABLE = 5
_NOT_AUTHORIZED = 29


class AdminClient(AIOKafkaAdminClient):  # type: ignore[misc]  # aiokafka is read as Any: see pyproject.toml
    """aiokafka's admin client, with the two questions that it has no safe public method for."""

    async def leaders(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """Return, for each topic that exists, its partitions' leaders (-1: none just now).

        Raises:
            TopicsError: no right to see one of them.
        """
        request = MetadataRequest(list(topics), allow_auto_topic_creation=False)
        response = await self._send_request(request)
        found: dict[str, list[int]] = {}
        for topic in response.to_object()["topics"]:
            code = topic["error_code"]
            if code == _NOT_AUTHORIZED:
                raise TopicsError(f"no right to see the topic {topic['topic']}: DESCRIBE on it is needed")
            if code == _UNKNOWN_TOPIC:
                continue
            if code not in {_NO_ERROR, _LEADER_NOT_AVAILABLE}:
                raise for_code(code)(topic["topic"])
            found[topic["topic"]] = [partition["leader"] for partition in topic["partitions"]]
        return found

    async def cluster_id(self) -> str:
        """Return the id of the cluster, which no other has."""
        response = await self._send_request(MetadataRequest([], allow_auto_topic_creation=False))
        return str(response.to_object()["cluster_id"])

    async def topic_configs(self, topics: Sequence[str], keys: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the named settings of topics that exist.

        Raises:
            TopicsError: no right to see them.
        """
        if not topics:
            return {}
        wanted = [ConfigResource(ConfigResourceType.TOPIC, t, dict.fromkeys(keys, "")) for t in topics]
        configs: dict[str, dict[str, str]] = {}
        for response in await self.describe_configs(wanted):
            for code, message, _type, topic, entries, *_ in response.resources:
                if code:
                    why = message or for_code(code).__name__
                    raise TopicsError(f"cannot see the settings of the topic {topic}: {why}")
                configs[topic] = {entry[0]: entry[1] for entry in entries}
        return configs


@asynccontextmanager
async def admin_client(options: Mapping[str, Any]) -> AsyncIterator[AdminClient]:
    """Connect, yield the client, and close it.

    Args:
        options: what `Settings.kafka_options` returns.

    Raises:
        KafkaUnavailableError: no broker answers; the text says where.
        KafkaRefusedError: one answers, and turns us away; the text says why.
    """
    client = AdminClient(**options)
    try:
        with quiet_clients():  # why it cannot connect, we say ourselves
            await client.start()
        yield client
    except (KafkaError, OSError) as error:
        raise await explained(error, options) from error
    finally:
        await client.close()


async def explained(error: BaseException, options: Mapping[str, Any]) -> KafkaUnavailableError | TopicsError:
    """Return what an error of a client's start stands for; a broker that was not reached is asked why.

    Args:
        error: what the client raised.
        options: what it was given.
    """
    if isinstance(error, KafkaConnectionError) and (reason := await refusal(options)):
        return KafkaRefusedError(reason)
    return kafka_trouble(error, options)


def kafka_trouble(error: BaseException, options: Mapping[str, Any]) -> KafkaUnavailableError | TopicsError:
    """Return the expected failure that an aiokafka error stands for, as one line that says what and where."""
    servers = options.get("bootstrap_servers", "")
    where = servers if isinstance(servers, str) else ",".join(servers)
    if isinstance(error, TopicAuthorizationFailedError):
        return TopicsError(f"no right to use the topic {error} on {where}")
    if isinstance(error, (KafkaConnectionError, NodeNotReadyError, OSError)):
        return KafkaUnavailableError(
            f"no Kafka answers at {where}: is it running, and is FLEETFOLD_BOOTSTRAP right? "
            "(`fleetfold broker` starts one here)"
        )
    return KafkaUnavailableError(f"Kafka at {where}: {str(error) or type(error).__name__}")
