"""The service does what its OpenAPI description says, whatever it is asked; schemathesis asks."""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from aiokafka import AIOKafkaProducer
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from processor.serve.http.app import describe
from processor.settings import load_settings
from processor.topics import create
from schemas.topics import CO_FAILURES, COMPONENT_HISTORY, COMPONENT_STATS, HOST_LEDGER, VERDICTS
from tests.served import EVIL, day, ledger, pair, stats, verdicts
from tests.serving import Service

pytestmark = pytest.mark.kafka

schema = schemathesis.openapi.from_dict(describe())


@pytest.fixture(scope="module")
def service(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    where = load_settings(bootstrap=kafka.bootstrap, topic_prefix="openapi-")
    log = tmp_path_factory.mktemp("serve") / "log"

    async def fill() -> None:
        await create(where)
        rows = [(COMPONENT_STATS, stats("0", 1, 3, removal_count=2)), (COMPONENT_STATS, stats(EVIL, 2, 1))]
        rows += [
            (CO_FAILURES, pair("0", EVIL, 2)),
            (HOST_LEDGER, ledger("", (0, 9, ("0", EVIL)), (99, 99, None))),
            (COMPONENT_HISTORY, day("0", "2026-01-02", 1, 3, hours={"03": [1, 3, 0, 0]})),
            (VERDICTS, verdicts("0", ("problematic", None), ("conflicts_with", EVIL))),
            (COMPONENT_HISTORY, day(EVIL, "2026-01-02", 2, 1)),
        ]
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            for topic, (key, value) in rows:
                await producer.send_and_wait(where.topic(topic), key=key, value=value)

    asyncio.run(fill())
    with Service(where, log).gone_at_the_end() as service:
        asyncio.run(service.ready())
        yield service


@schema.exclude(path="/v1/stream").parametrize()  # its answer has no end; test_serve_command reads it
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(service: Service, case: Any) -> None:
    """No question makes a server error, and each answer has a status, type and shape that OpenAPI names."""
    # A cursor is only what the service gave before, which no schema can say.
    left_out = [positive_data_acceptance] if "after" in (case.query or {}) else []
    answer = case.call(base_url=service.url, timeout=10)
    if answer.status_code == HTTPStatus.REQUEST_URI_TOO_LONG:  # a refusal that the check does not know
        left_out.append(negative_data_rejection)
    case.validate_response(answer, excluded_checks=left_out)


def test_every_route_is_described_with_an_example() -> None:
    """What people read in the description is complete: a text for each route, an example for each shape."""
    raw = describe()
    operations = [each for path in raw["paths"].values() for each in path.values()]
    assert [each["operationId"] for each in operations if not each.get("description")] == []
    contents = [each["responses"]["200"].get("content", {}) for each in operations]
    bodies = [content.get("application/json", {}) for content in contents]
    references = [reference for body in bodies if (reference := body.get("schema", {}).get("$ref"))]
    shapes = {reference.rpartition("/")[2] for reference in references}
    assert len(shapes) >= 5
    described = raw["components"]["schemas"]
    assert [name for name in sorted(shapes - {"Status"}) if not described[name].get("examples")] == []
