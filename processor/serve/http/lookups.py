"""The two questions that scoring services ask thousands of times a second, as functions to bytes."""

from http import HTTPStatus
from typing import Any

import orjson

from processor.domain.evidence import shrunk_rate
from processor.serve.answers import Answers
from processor.serve.http.replies import Reply, fresh, problem
from processor.serve.statsrows import UNTRIED
from schemas.limits import COMPONENT_ID_MAX

__all__ = ["IDS_MAX", "component", "row_json", "scores"]

IDS_MAX = 10_000


class _Ends(dict[tuple[float | None, bool, bool, tuple[str, ...]], bytes]):
    """How a score ends after its id, in JSON: by rate, whether problematic, whether deprecated, verdicts."""

    _KEPT = 10_000  # rates are shares of small numbers: many components have the same

    def __missing__(self, key: tuple[float | None, bool, bool, tuple[str, ...]]) -> bytes:
        if len(self) >= self._KEPT:
            self.clear()
        end = self[key] = b'",' + orjson.dumps(_score(*key))[1:]
        return end


_ENDS = _Ends()


def _score(rate: float | None, problematic: bool, deprecated: bool, kinds: tuple[str, ...]) -> dict[str, Any]:
    tried = rate is not None and rate != UNTRIED
    return {
        "known": rate is not None,
        "success_rate": rate if tried else 0.0,
        "score_multiplier": rate if tried else 1.0,
        "is_problematic": problematic,
        "is_deprecated": deprecated,
        "verdicts": kinds,
    }


def row_json(answers: Answers, component_id: str, value: bytes) -> bytes:
    """Return a component's row as HTTP shows it: as on the topic, its multipliers, and its verdicts."""
    multiplier = repr(answers.score_multiplier(component_id)).encode()
    return b'%b,"score_multiplier":%b,"shrunk_rate":%b,"verdicts":%b}' % (
        value[:-1],
        multiplier,
        _shrunk(answers, value),
        answers.verdicts.texts.get(component_id, b"[]"),
    )


def _shrunk(answers: Answers, value: bytes | None) -> bytes:
    """Return a row's shrunk rate in JSON; the fleet's own rate for a component without a row."""
    successes = attempts = 0
    if value is not None:
        row = orjson.loads(value)
        successes = row["install_successes"]
        attempts = successes + row["install_failures"]
    return repr(round(shrunk_rate(successes, attempts, answers.fleet.rate, answers.strength), 4)).encode()


def component(answers: Answers, component_id: str, if_none_match: str | None) -> Reply:
    """Answer for one component; 404 if it was never seen."""
    value = answers.rows.values.get(component_id)
    if value is None:
        return problem(HTTPStatus.NOT_FOUND, "this component was never seen", component_id=component_id)
    return fresh(row_json(answers, component_id, value), if_none_match)


def scores(answers: Answers, body: bytes) -> Reply:
    """Answer for many components at once, in the order in which they are asked for.

    Args:
        answers: what is known.
        body: `{"component_ids": [...]}`; with `"shrunk": true` each score has its shrunk rate too.
    """
    try:
        asked = orjson.loads(body)
        ids, shrunk = asked["component_ids"], asked.get("shrunk", False)
        wrong = _why_wrong(ids) if isinstance(shrunk, bool) else "shrunk must be true or false"
    except orjson.JSONDecodeError as error:
        return problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}")
    except (KeyError, TypeError):
        wrong = "the body must be an object with component_ids"
    if wrong:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, wrong)
    headers = (("cache-control", "no-store"),)
    return Reply(HTTPStatus.OK, _scores_json(answers, ids, shrunk=shrunk), headers=headers)


def _scores_json(answers: Answers, ids: list[str], *, shrunk: bool) -> bytes:
    """Put the scores together from texts, many times faster than from objects: id by id, only look-ups."""
    if not ids:
        return b'{"scores":[]}'
    rate_of, ends = answers.rows.rates.get, _ENDS
    problematic, deprecated = answers.rows.problematic, answers.rows.deprecated
    kinds_of = answers.verdicts.kinds.get
    found = [
        text + ends[rate_of(each), each in problematic, each in deprecated, kinds_of(each, ())]
        for text, each in zip(_texts(ids), ids, strict=True)
    ]
    if shrunk:  # only on demand: it takes reading each row
        value_of = answers.rows.values.get
        found = [
            b'%b,"shrunk_rate":%b}' % (score[:-1], _shrunk(answers, value_of(each)))
            for score, each in zip(found, ids, strict=True)
        ]
    return b'{"scores":[{"component_id":"%b]}' % b',{"component_id":"'.join(found)


def _texts(ids: list[str]) -> list[bytes]:
    """Return each id as a JSON text without its quotes."""
    joined = orjson.dumps(ids)
    if b"\\" in joined:  # an escaped quote could be taken for the end of a text
        return [orjson.dumps(each)[1:-1] for each in ids]
    return joined[len(b'["') : -len(b'"]')].split(b'","')


def _why_wrong(ids: Any) -> str | None:
    """Return what is wrong with the ids that are asked for; checked in C, id by id would be slow."""
    if not isinstance(ids, list):
        return "component_ids must be a list"
    if len(ids) > IDS_MAX:
        return f"component_ids holds {len(ids):,} ids: at most {IDS_MAX:,} at once"
    if set(map(type, ids)) - {str}:
        return "component_ids must be texts"
    if max(map(len, ids), default=1) > COMPONENT_ID_MAX or not all(ids):
        return f"an id has 1 to {COMPONENT_ID_MAX} characters"
    return None
