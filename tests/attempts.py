"""What a client could try on a Kafka, request by request, whether or not its rights allow it."""

from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.protocol.admin import (
    AlterConfigsRequest,
    CreateAclsRequest,
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteGroupsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    DescribeAclsRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

__all__ = ["ON_CLUSTER", "ON_GROUP", "ON_TOPIC", "ON_TRANSACTIONAL_ID", "is_refused"]

Attempt = Callable[[str], Any]

_REFUSALS = {29, 30, 31, 53}  # topic, group, cluster and transactional id: not authorized
_TOPIC, _TIMEOUT_MS = 2, 5_000


def _one_record() -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000)  # plain, not idempotent
    assert builder.append(0, None, None, b"forged", []) is not None
    return bytes(builder.build())


ON_TOPIC: dict[str, tuple[Attempt, ...]] = {
    "Read": (lambda topic: FetchRequest(0, 0, 1_024, 0, [(topic, [(0, 0, 1_024)])]),),
    "Write": (lambda topic: ProduceRequest(None, -1, _TIMEOUT_MS, [(topic, [(0, _one_record())])]),),
    "Create": (lambda topic: CreateTopicsRequest([(topic, 1, 1, [], [])], _TIMEOUT_MS, validate_only=False),),
    "Delete": (
        lambda topic: DeleteRecordsRequest([(topic, [(0, -1)])], _TIMEOUT_MS),
        lambda topic: DeleteTopicsRequest([topic], _TIMEOUT_MS),
    ),
    "Alter": (lambda topic: CreatePartitionsRequest([(topic, (9, None))], _TIMEOUT_MS, validate_only=False),),
    "Describe": (lambda topic: MetadataRequest([topic], allow_auto_topic_creation=False),),
    "DescribeConfigs": (lambda topic: DescribeConfigsRequest([(_TOPIC, topic, None)]),),
    "AlterConfigs": (lambda topic: AlterConfigsRequest([(_TOPIC, topic, [("retention.ms", "1")])]),),
}
"""By operation, the requests on a topic that Kafka asks that right for."""

ON_GROUP: dict[str, Attempt] = {
    "Describe": lambda group: DescribeGroupsRequest([group]),
    "Delete": lambda group: DeleteGroupsRequest([group]),
}

ON_TRANSACTIONAL_ID: dict[str, Attempt] = {
    "Write": lambda name: InitProducerIdRequest(name, _TIMEOUT_MS),
}
"""Whoever may begin a producer of a name shuts out the one that has it."""

ON_CLUSTER: dict[str, Attempt] = {
    "Alter": lambda user: CreateAclsRequest(_TOPIC, "*", 3, f"User:{user}", "*", 2, 3),
    "Describe": lambda user: DescribeAclsRequest(1, None, 1, f"User:{user}", None, 1, 1),
}
"""Giving oneself all rights, and looking at everyone's."""


def is_refused(response: Any) -> bool:
    """Tell whether the broker refused the request, and did nothing of it, for want of a right."""
    wrong = {code for code in _codes(response.to_object()) if code}
    return bool(wrong) and wrong <= _REFUSALS


def _codes(part: Any) -> Iterator[int]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name in {"error_code", "topic_error_code"}:
                yield value
            else:
                yield from _codes(value)
    elif isinstance(part, (list, tuple)):
        for each in part:
            yield from _codes(each)
