"""The service's answers, without a broker: routes, ids of any kind, pages, tags, limits, tokens, problems."""

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processor.loopback import LoopbackHosts
from processor.serve.answers import Answers
from processor.serve.http.lookups import IDS_MAX, scores
from processor.tokens import load_tokens
from tests.asking import Asker
from tests.served import EVIL, answers_of, ledger, pair, record, stats

SECOND = 1_000_000
_ODD = answers_of([stats(each, 1, 1) for each in ('",', "\\", "0", ",")])
IDS = ["pkg:deb/debian/curl?arch=amd64", EVIL, "..%2F", "a/conflicts", "50%", "é/ü", "#?&=+ ", "\x00\x1f"]


@pytest.fixture
def asker() -> Asker:
    rows = [
        stats("good", 9, 1, usage_count=5, first_seen="2026-01-01T00:00:00.000000Z"),
        stats("bad", 1, 3, removal_count=2),
        stats("worse", 0, 9, deprecated_at="2026-01-03T00:00:00.000000Z"),
        stats("untried", 0, 0, usage_count=1),
    ]
    pairs = [pair("bad", "worse", 3), pair("bad", "good", 2), pair("good", "worse", 1)]
    ledgers = [
        ledger("h1", (0, SECOND, ("bad", "worse"))),
        ledger("h/2", (90 * SECOND, 90 * SECOND, None), (0, 5 * SECOND, ("good",))),
    ]
    return Asker(answers_of(rows, pairs, ledgers))


@pytest.mark.parametrize("component_id", IDS)
async def test_ids_of_any_kind_are_found_by_their_path(component_id: str) -> None:
    """X9: any character, percent-encoded, slashes too, in the row's path and those of its questions."""
    asker = Asker(answers_of([stats(component_id, 3, 1)], [pair(component_id, "zz", 2)]))
    path = "/v1/components/" + quote(component_id, safe="")
    answer = await asker.get(path)
    assert (answer.status, answer.json["component_id"]) == (200, component_id)
    found = (await asker.get(f"{path}/conflicts")).json
    assert (found["component_id"], found["conflicts"][0]["component_id"]) == (component_id, "zz")
    assert (await asker.get(f"{path}/badge.svg")).status == 200
    listed = await asker.get("/v1/components?component_id=" + quote(component_id, safe=""))
    assert [row["component_id"] for row in listed.json["components"]] == [component_id]


async def test_a_slash_that_is_not_encoded_belongs_to_the_id() -> None:
    """People type package URLs as they are; only the last part may be a question."""
    asker = Asker(answers_of([stats("pkg:deb/debian/curl"), stats("a/conflicts")]))
    assert (await asker.get("/v1/components/pkg:deb/debian/curl")).status == 200
    assert (await asker.get("/v1/components/pkg:deb/debian/curl/conflicts")).json["conflicts"] == []
    assert (await asker.get("/v1/components/a/conflicts")).json["component_id"] == "a"
    assert (await asker.get("/v1/components/a%2Fconflicts")).json["first_seen"] is not None


async def test_a_component_is_its_row_and_its_multiplier(asker: Asker) -> None:
    """T4, T15, S19: the row as on the topic, and what a score is multiplied by."""
    row = (await asker.get("/v1/components/good")).json
    assert row == orjson.loads(stats("x")[1]) | row
    assert (row["success_rate"], row["score_multiplier"], row["usage_count"]) == (0.9, 0.9, 5)
    assert (await asker.get("/v1/components/untried")).json["score_multiplier"] == 1.0


async def test_a_tag_saves_the_body(asker: Asker) -> None:
    """Asked again with its tag, an answer is 304 until something changes."""
    for path in ("/v1/components/good", "/v1/components", "/v1/co-failures", "/v1/failure-sessions", "/"):
        first = await asker.get(path)
        assert first.headers["cache-control"] == "private, no-cache"
        again = await asker.get(path, if_none_match=f'"other", W/{first.headers["etag"]}')
        assert (again.status, again.body) == (304, b"")
    tag = (await asker.get("/v1/components/good")).headers["etag"]
    asker.context.answers.take_stats([record(*stats("good", 9, 2))])
    assert (await asker.get("/v1/components/good", if_none_match=tag)).status == 200


async def test_an_unknown_component_is_a_problem_and_an_unknown_score_is_not(asker: Asker) -> None:
    """A lookup of nothing is 404; of many ids, an unknown one answers as such, in its place (T8, T15)."""
    answer = await asker.get("/v1/components/never")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json["detail"] == "this component was never seen"
    ids = ["worse", "never", "good", "untried", "worse"]
    scores = (await asker.post("/v1/scores", {"component_ids": ids})).json["scores"]
    assert [score["component_id"] for score in scores] == ids
    assert [score["known"] for score in scores] == [True, False, True, True, True]
    assert [score["success_rate"] for score in scores] == [0.0, 0.0, 0.9, 0.0, 0.0]
    assert [score["score_multiplier"] for score in scores] == [0.0, 1.0, 0.9, 1.0, 0.0]
    assert [score["is_problematic"] for score in scores] == [True, False, False, False, True]
    assert scores[0]["is_deprecated"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), max_size=9))
@example(['",', '","', ",", "\\", '\\","', '"', "\x00", "é"])
def test_scores_hold_ids_of_any_kind(ids: list[str]) -> None:
    """X9: the answer is JSON with each id as it was asked for, whatever quotes and commas it holds."""
    told = orjson.loads(scores(_ODD, orjson.dumps({"component_ids": ids})).body)["scores"]
    assert [each["component_id"] for each in told] == ids
    assert [each["known"] for each in told] == [each in _ODD.rows.values for each in ids]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        ([], 422),
        ({}, 422),
        ({"component_ids": "a"}, 422),
        ({"component_ids": [1]}, 422),
        ({"component_ids": [""]}, 422),
        ({"component_ids": ["a"], "shrunk": 1}, 422),
        ({"component_ids": ["a"], "shrunk": None}, 422),
        ({"component_ids": ["x" * 257]}, 422),
        ({"component_ids": ["x"] * (IDS_MAX + 1)}, 422),
        (b" " * (4 * 1024 * 1024 + 1), 413),
    ],
)
async def test_a_wrong_question_for_scores_is_a_problem(asker: Asker, body: Any, status: int) -> None:
    """X1, X12: limits on every input, and each answer says what is wrong."""
    answer = await asker.post("/v1/scores", body)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json["status"] == status
    assert (await asker.post("/v1/scores", {"component_ids": []})).json == {"scores": []}
    assert (await asker.post("/v1/scores", body, content_type="text/plain")).status in {413, 415}


async def listed(asker: Asker, query: str) -> list[str]:
    answer = await asker.get(f"/v1/components?{query}")
    assert answer.status == 200, answer.body
    return [row["component_id"] for row in answer.json["components"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["good", "bad", "untried", "worse"]),
        ("problematic=true", ["bad", "worse"]),
        ("removed=1", ["bad"]),
        ("removed=3", []),
        ("deprecated=true", ["worse"]),
        ("failing=true&sort=failures", ["worse", "bad", "good"]),
        ("problematic=true&deprecated=true", ["worse"]),
        ("prefix=un", ["untried"]),
        ("prefix=go&q=OD", ["good"]),
        ("q=R", ["untried", "worse"]),
        ("component_id=bad&component_id=never", ["bad"]),
        ("sort=component_id", ["bad", "good", "untried", "worse"]),
        ("sort=failures", ["worse", "bad", "good", "untried"]),
        ("sort=removals&limit=1", ["bad"]),
        ("sort=usage&limit=2", ["good", "untried"]),
        ("sort=success_rate", ["untried", "worse", "bad", "good"]),
        ("sort=last_failure", ["bad", "good", "worse", "untried"]),
    ],
)
async def test_lists_are_filtered_and_sorted(asker: Asker, query: str, expected: list[str]) -> None:
    """S3, T9, T10, T15: every filter and every order, also together."""
    assert await listed(asker, query) == expected


@pytest.mark.parametrize("sort", ["first_seen", "component_id", "failures", "success_rate", "last_failure"])
@pytest.mark.parametrize("query", ["", "&q=c", "&prefix=c", "&failing=true"])
async def test_pages_follow_one_another(sort: str, query: str) -> None:
    """Keyset pages: each component once, in one order, whatever the filter."""
    rows = [stats(f"c{n:02}", n % 3, n % 4 + 1, usage_count=n % 5) for n in range(23)]
    asker = Asker(answers_of(rows))
    whole = await listed(asker, f"sort={sort}{query}&limit=100")
    found: list[str] = []
    after = ""
    while True:
        page = (await asker.get(f"/v1/components?sort={sort}{query}&limit=5{after}")).json
        found += [row["component_id"] for row in page["components"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == whole
    assert sorted(found) == sorted(f"c{n:02}" for n in range(23))


async def test_an_order_is_kept_up(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component that changes, comes or goes is in its new place when the list is asked for again."""
    monkeypatch.setattr("processor.serve.ordered._REFRESH_EVERY_S", 0)
    assert await listed(asker, "sort=failures&limit=2") == ["worse", "bad"]
    changes = [record(*stats("good", 9, 99)), record(*stats("new", 0, 50)), record(b"bad", None)]
    asker.context.answers.take_stats(changes)
    assert await listed(asker, "sort=failures") == ["good", "new", "worse", "untried"]
    assert await listed(asker, "sort=failures&prefix=ne") == ["new"]


async def test_what_is_expected_of_a_pair_follows_from_sessions() -> None:
    """A component that failed often in few sessions is no popular one: margins are sessions, of the fleet."""
    rows = [stats("a", 0, 900, failure_sessions=10), stats("b", 0, 900, failure_sessions=20)]
    asker = Asker(answers_of(rows, [pair("a", "b", 8)]))
    names = ("install_successes", "install_failures", "usage_count", "removal_count", "deprecations")
    totals = dict.fromkeys([*names, "mass_failures", "hosts", "partition"], 0)
    for partition in range(2):
        row = totals | {"partition": partition, "sessions": 50}
        asker.context.answers.take_totals([record(b"%d" % partition, orjson.dumps(row))])
    (told,) = (await asker.get("/v1/co-failures?sort=surprise")).json["pairs"]
    assert told["expected"] == 2.0
    assert told["surprise"] > 10
    asker.context.answers.take_stats([record(b"a", None)])
    assert asker.context.answers.rows.sessions == {"b": 20}


async def test_pairs_by_count_and_by_surprise(asker: Asker) -> None:
    """T11: from two sessions on unless asked otherwise, most frequent or most surprising first, in pages."""
    page = (await asker.get("/v1/co-failures")).json
    assert [(each["component_a"], each["component_b"], each["count"]) for each in page["pairs"]] == [
        ("bad", "worse", 3),
        ("bad", "good", 2),
    ]
    for sort in ("count", "surprise"):
        whole = (await asker.get(f"/v1/co-failures?min_count=1&sort={sort}")).json["pairs"]
        first = (await asker.get(f"/v1/co-failures?min_count=1&sort={sort}&limit=2")).json
        rest = (
            await asker.get(f"/v1/co-failures?min_count=1&sort={sort}&limit=2&after={first['next']}")
        ).json
        assert first["pairs"] + rest["pairs"] == whole
        assert (len(whole), rest["next"]) == (3, None)
    of_good = (await asker.get("/v1/co-failures?component=good&min_count=1")).json["pairs"]
    assert [each["count"] for each in of_good] == [2, 1]
    conflicts = (await asker.get("/v1/components/bad/conflicts")).json["conflicts"]
    assert [(each["component_id"], each["count"]) for each in conflicts] == [("worse", 3), ("good", 2)]
    surprising = (await asker.get("/v1/components/bad/conflicts?sort=surprise")).json["conflicts"]
    assert [each["surprise"] for each in surprising] == sorted(
        (c["surprise"] for c in conflicts), reverse=True
    )


async def test_failure_sessions_newest_first(asker: Asker) -> None:
    """The windowed table of failures: by host, by component, in pages; a mass failure keeps no ids."""
    page = (await asker.get("/v1/failure-sessions")).json
    assert [(each["host_id"], each["mass_failure"]) for each in page["sessions"]] == [
        ("h/2", True),
        ("h/2", False),
        ("h1", False),
    ]
    assert page["sessions"][0]["components"] is None
    assert page["sessions"][2]["end"] == "1970-01-01T00:00:01.000000Z"
    first = (await asker.get("/v1/failure-sessions?limit=1")).json
    rest = (await asker.get(f"/v1/failure-sessions?after={first['next']}")).json
    assert first["sessions"] + rest["sessions"] == page["sessions"]
    assert len((await asker.get("/v1/failure-sessions?host=h%2F2")).json["sessions"]) == 2
    assert (await asker.get("/v1/failure-sessions?component=worse")).json["sessions"] == page["sessions"][2:]
    assert (await asker.get("/v1/failure-sessions?host=nobody")).json == {"sessions": [], "next": None}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/components?after=%C3%A9", 400),
        ("/v1/components?after=WyJhIl0", 400),
        ("/v1/components?after=bm8", 400),
        ("/v1/components?sort=mood", 422),
        ("/v1/components?limit=0", 422),
        ("/v1/components?limit=1001", 422),
        ("/v1/components?q=" + "x" * 257, 422),
        ("/v1/components?after=" + "x" * 4000, 422),
        ("/v1/components?q=" + "x" * 5000, 414),
        ("/v1/components/%FF", 400),
        ("/v1/components/", 400),
        ("/v1/components/" + "x" * 5000, 414),
        ("/v1/nothing", 404),
        ("/page/../../etc/passwd", 404),
        ("/page/..%2Fstatus.py", 404),
    ],
)
async def test_what_comes_in_wrong_is_a_problem(asker: Asker, path: str, status: int) -> None:
    """RFC 9457: a wrong path, parameter or cursor says what is wrong, and never more than that."""
    answer = await asker.get(path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json.keys() >= {"type", "title", "status", "detail"}
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_methods(asker: Asker) -> None:
    """HEAD is GET without the body; what a route does not do is 405 with what it does."""
    head, get = await asker.ask("HEAD", "/v1/components", b"", {}), await asker.get("/v1/components")
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", get.headers["etag"])
    assert (await asker.ask("HEAD", "/v1/stream", b"", {})).headers["content-type"] == "text/event-stream"
    for path in ("/v1/components/good", "/v1/components", "/v1/status"):
        answer = await asker.ask("DELETE", path, b"", {})
        assert (answer.status, answer.headers["allow"]) == (405, "GET")
    assert (await asker.get("/v1/scores")).status == 405


async def test_tokens_guard_what_is_known() -> None:
    """Without a token nothing is answered but whether the service lives, its page and its description."""
    tokens = load_tokens("", "a read reader-0123456789; b publish writer-0123456789")
    asker = Asker(answers_of([stats("a")]), tokens=tokens)
    for path in ("/v1/components/a", "/v1/components", "/v1/status", "/v1/stream", "/metrics"):
        refused = await asker.get(path)
        assert (refused.status, refused.headers["www-authenticate"][:6]) == (401, "Bearer")
        assert (await asker.get(path, authorization="Bearer writer-0123456789")).status == 403
    assert (await asker.post("/v1/scores", {"component_ids": ["a"]})).status == 401
    assert (await asker.get("/v1/components/a", authorization="Bearer reader-0123456789")).status == 200
    for path in ("/", "/healthz", "/readyz", "/openapi.json"):
        assert (await asker.get(path)).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("[::1]", 200),
        ("evil.example:8080", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
async def test_a_name_that_is_not_loopback_is_refused(host: str, status: int) -> None:
    """Without tokens, no web page may reach the service through a name of its own (DNS rebinding)."""
    asker = Asker(answers_of(), hosts=LoopbackHosts())
    for _ in range(2):
        assert (await asker.get("/v1/components", host=host)).status == status


async def test_cors_is_off_unless_an_origin_is_named() -> None:
    """A web page of elsewhere reads nothing, unless its origin is allowed."""
    origin = "https://tools.example"
    assert (
        "access-control-allow-origin"
        not in (await Asker(answers_of()).get("/v1/components", origin=origin)).headers
    )
    asker = Asker(answers_of(), cors_origins=(origin,))
    assert (await asker.get("/v1/components", origin=origin)).headers["access-control-allow-origin"] == origin
    other = await asker.get("/v1/components", origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers
    asking = {"origin": origin, "access_control_request_method": "POST"}
    assert (await asker.ask("OPTIONS", "/v1/scores", b"", asking)).status == 200


async def test_until_the_rows_are_read_there_are_no_answers() -> None:
    """Half of the rows would be a wrong answer: 503, and the status says how far it is."""
    asker = Asker(Answers())
    for path in ("/v1/components/a", "/v1/components", "/readyz"):
        answer = await asker.get(path)
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert not (await asker.get("/v1/status")).json["ready"]
    assert (await asker.get("/healthz")).status == 200
    asker.context.answers.ready = True
    assert (await asker.get("/readyz")).status == 200
    asker.context.closing = True
    assert (await asker.get("/readyz")).json["detail"] == "the service is about to stop"


async def test_status_and_metrics_count(asker: Asker) -> None:
    """What is known is counted, and so is each answer by its route."""
    status = (await asker.get("/v1/status")).json
    assert status["rows"] == {"components": 4, "pairs": 3, "hosts": 2, "days": 0, "bad": 0}
    assert status["lists"] == {"problematic": 2, "failing": 3, "removed": 1, "deprecated": 1}
    await asker.get("/v1/components/" + quote(EVIL, safe=""))
    await asker.get("/v1/components/good/conflicts")
    text = (await asker.get("/metrics")).body.decode()
    assert 'fleetfold_serve_rows{table="components"} 4.0' in text
    for route, code in (("{component_id}", 404), ("{component_id}/conflicts", 200)):
        assert f'fleetfold_serve_requests_total{{route="/v1/components/{route}",status="{code}"}} 1.0' in text
    assert "alert" not in text


@pytest.mark.parametrize(
    ("component_id", "text", "colour"),
    [
        ("good", "90% of 10", "#8a6100"),
        ("bad", "25% of 4", "#c62828"),
        ("worse", "deprecated", "#616161"),
        ("untried", "untried", "#616161"),
        ("never", "unknown", "#616161"),
        ("fine", "100% of 1", "#2e7d32"),
        ("almost", "99% of 1,000", "#2e7d32"),
    ],
)
async def test_a_badge_says_how_well_it_does(asker: Asker, component_id: str, text: str, colour: str) -> None:
    """A rate is rounded, but never to a whole that it is not."""
    asker.context.answers.take_stats([record(*stats("fine", 1, 0)), record(*stats("almost", 999, 1))])
    answer = await asker.get(f"/v1/components/{component_id}/badge.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert (answer.headers["cache-control"], answer.headers["cross-origin-resource-policy"]) == (
        "private, max-age=60",
        "cross-origin",
    )
    assert f"<title>installs: {text}</title>" in answer.body.decode()
    assert f'fill="{colour}"' in answer.body.decode()


async def test_feeds_hold_the_newly_problematic() -> None:
    """Newest first; an id of any kind leaves the XML whole, and one that recovered is gone."""
    rows = [
        stats(EVIL, 0, 3, last_failure="2026-02-01T00:00:00.000000Z"),
        stats("late", 0, 3, last_failure="2026-03-01T00:00:00.000000Z"),
    ]
    asker = Asker(answers_of(rows))
    items = (await asker.get("/v1/feeds/problematic.json")).json["items"]
    assert [item["date_published"][:7] for item in items] == ["2026-03", "2026-02"]
    assert items[1]["title"] == f"{EVIL} fails more often than it works"
    feed = ET.fromstring((await asker.get("/v1/feeds/problematic.atom")).body)  # noqa: S314 -- our own
    titles = [each.text or "" for each in feed.iter("{http://www.w3.org/2005/Atom}title")]
    assert len(titles) == 3
    assert '<script>alert("x")</script>' in titles[2]
    asker.context.answers.take_stats([record(*stats("late", 9, 3))])
    items = (await asker.get("/v1/feeds/problematic.json")).json["items"]
    assert [item["title"][:8] for item in items] == [EVIL[:8]]
