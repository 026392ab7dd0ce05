"""The gateway's pure parts: bodies, what they hold, keys, rates."""

import gzip
import json
import zlib
from http import HTTPStatus
from typing import Any

import orjson
import pytest
import zstandard
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from processor.gateway.app import create_app, create_router
from processor.gateway.bodies import media_type, unpacked
from processor.gateway.gateway import Gateway
from processor.gateway.keys import Keys
from processor.gateway.meters import exposition
from processor.gateway.problems import ProblemError
from processor.gateway.rate import Rates
from processor.gateway.reading import Reading, read
from processor.metrics import GATEWAY_METRICS
from processor.settings import Settings
from processor.tokens import Tokens
from tests.records import event, uuid_of

JSON, LINES = "application/json", "application/x-ndjson"
LIMIT = 10_000


def reading(*events: Any, key: str = "") -> Reading:
    return read(orjson.dumps(list(events)), JSON, 100, key)


def status_of(call: Any, *arguments: Any) -> tuple[HTTPStatus, str]:
    with pytest.raises(ProblemError) as caught:
        call(*arguments)
    return caught.value.status, caught.value.detail


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_compressed_bodies(pack: Any) -> None:
    """Gzip and zstd are read, to the last byte that is allowed and in several parts, and no further."""
    encoding = "gzip" if pack is gzip.compress else "ZSTD"
    assert unpacked(pack(b"x" * LIMIT), encoding, LIMIT) == b"x" * LIMIT
    assert unpacked(pack(b"a") + pack(b"b"), encoding, LIMIT) == b"ab"
    assert (
        status_of(unpacked, pack(b"x" * (LIMIT + 1)), encoding, LIMIT)[0]
        == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    )
    assert status_of(unpacked, b"no such thing", encoding, LIMIT)[0] == HTTPStatus.BAD_REQUEST
    assert status_of(unpacked, pack(b"x" * 5_000)[:-3], encoding, LIMIT)[0] == HTTPStatus.BAD_REQUEST


def test_a_bomb_is_not_unpacked() -> None:
    """A body that would become a thousand times as large takes no more memory than is allowed."""
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(b"\0" * 1_000_000) for _ in range(20)) + bomb.flush()
    assert status_of(unpacked, packed, "gzip", LIMIT)[0] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_other_bodies_are_refused() -> None:
    """A form, which a foreign page may send unasked, and an unknown encoding are 415."""
    assert media_type("Application/JSON; charset=utf-8") == JSON
    assert media_type("application/x-ndjson") == LINES
    for wrong in ("", "text/plain", "application/x-www-form-urlencoded"):
        assert status_of(media_type, wrong)[0] == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert status_of(unpacked, b"", "br", LIMIT)[0] == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def test_answers_per_event() -> None:
    """X1, X2: each event is accepted, a duplicate within its request, or rejected with field and reason."""
    good = event(context="mail ann@mail.example", more="ignored")
    found = reading(
        good, good, 7, event(outcome_type="x"), {"component_id": "c", "outcome_type": "deprecated"}
    )
    assert [one["status"] for one in found.results] == [
        "accepted",
        "duplicate",
        *["rejected"] * 2,
        "accepted",
    ]
    assert found.results[2:4] == [
        {"status": "rejected", "field": None, "reason": "not_an_object"},
        {"status": "rejected", "field": "outcome_type", "reason": "unknown_outcome_type"},
    ]
    sent = [orjson.loads(one.value) for one in found.events]
    assert sent[0] == event(context="mail [email]")
    assert set(sent[1]) == {"component_id", "outcome_type", "context", "event_id"}
    assert [one.host for one in found.events] == [b"host-1", b""]


def test_lines() -> None:
    """X1: of lines each stands for itself; one event alone needs neither array nor newline."""
    text = b"\n".join([orjson.dumps(event()), b"", b"{", orjson.dumps(event(event_id=uuid_of(1)))])
    found = read(text, LINES, 100)
    assert [one["status"] for one in found.results] == ["accepted", "rejected", "accepted"]
    assert found.results[1]["reason"] == "not_json"
    assert len(read(orjson.dumps(event()), JSON, 100).events) == 1


def test_a_key_names_the_events() -> None:
    """S4: without event ids, the same request has the same ids each time, and another one others."""
    plain = {"component_id": "c", "outcome_type": "deprecated"}
    ids = [
        [one["event_id"] for one in reading(plain, plain, key=key).results] for key in ("a", "a", "b", "", "")
    ]
    assert ids[0] == ids[1]
    assert len({one for some in ids for one in some}) == 8
    assert reading(event(), key="a").results[0]["event_id"] == event()["event_id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", HTTPStatus.BAD_REQUEST),
        (b"[]", HTTPStatus.UNPROCESSABLE_ENTITY),
        (json.dumps([{}] * 101).encode(), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (json.dumps([event(event_id=None)] * 33).encode(), HTTPStatus.UNPROCESSABLE_ENTITY),
    ],
    ids=["no JSON", "nothing", "too many", "too many of one host"],
)
def test_requests_that_are_refused_whole(body: bytes, status: HTTPStatus) -> None:
    """S4: what could not be sent again without counting twice, and what is no request, is refused whole."""
    assert status_of(read, body, JSON, 100)[0] == status
    if b"host-1" in body:
        assert len(reading(*[event(event_id=None)] * 32).events) == 32


def test_keys() -> None:
    """A key's first answer is given again; another body, or a request under way, is a problem."""
    keys = Keys()
    assert keys.begin("k", b"body", 0) is None
    assert status_of(keys.begin, "k", b"body", 1)[0] == HTTPStatus.CONFLICT
    keys.finish("k", b"answer")
    assert keys.begin("k", b"body", 2) == b"answer"
    assert status_of(keys.begin, "k", b"other", 3)[0] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert keys.begin("k", b"other", 86_401) is None
    keys.fail("k")
    assert keys.begin("k", b"third", 86_402) is None


def test_keys_are_bounded() -> None:
    """Many keys, or large answers, push out the oldest."""
    keys = Keys(max_bytes=10_000)
    for number in range(1_000):
        keys.begin(str(number), b"", number)
        keys.finish(str(number), b"x" * 488)
    assert len(keys) == 10
    assert keys.begin("999", b"", 1_000) is not None
    assert keys.begin("1", b"", 1_000) is None


def test_rates() -> None:
    """Two seconds' worth may come at once; then a caller waits until its debt is paid; others do not."""
    rates = Rates(100)
    assert rates.take("a", 150, 0) == 0
    assert rates.take("a", 250, 0) == 0  # with 50 left a whole request passes, into debt
    assert rates.take("a", 1, 0) == 2
    assert rates.take("b", 1, 0) == 0
    assert rates.take("a", 1, 1.9) == 1
    assert rates.take("a", 1, 2.1) == 0
    assert Rates(0).take("a", 10**9, 0) == 0


def test_any_application_can_include_it() -> None:
    """The route can be mounted in another service, and is described there: parameters, body and answers."""
    app = FastAPI()
    app.include_router(create_router(Gateway(Settings(), Tokens())))
    described = app.openapi()["paths"]["/v1/outcomes"]["post"]
    assert set(described["requestBody"]["content"]) == {JSON, LINES}
    assert described["parameters"][0]["name"] == "Idempotency-Key"
    assert {"202", "422", "429", "503"} <= set(described["responses"])
    assert "/v1/outcomes" in create_app(Gateway(Settings(), Tokens())).openapi()["paths"]


def test_it_measures_what_stands_in_the_table() -> None:
    """What is scraped and what is documented are the same metrics."""
    gateway = Gateway(Settings(), Tokens())
    gateway.meters.answered(202, 0.1)
    gateway.meters.took({"accepted": 1})
    body, content_type = exposition(gateway.meters)("")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    ours = {name: each for name, each in families.items() if name.startswith("fleetfold_")}
    assert {name: (each.type, each.documentation) for name, each in ours.items()} == {
        metric.name.removesuffix("_total"): (metric.kind, metric.help) for metric in GATEWAY_METRICS
    }
    assert "process_resident_memory_bytes" in families
    assert content_type.startswith("text/plain")
