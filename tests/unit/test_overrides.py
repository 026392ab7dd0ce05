"""Overrides: what they let pass and what not, until when, and where they show."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from processor.cli import held as held_of
from processor.cli.held import Snapshot
from processor.cli.main import app
from processor.overriding import OverrideError, beginning, ending
from processor.serve.advice import Word, advise
from processor.serve.overriderows import OverrideRows
from processor.serve.verdictrows import VerdictRows
from processor.settings import Settings
from schemas.overrides import Override, subject_key, subject_of
from tests.asking import Asker
from tests.served import EVIL, Row, answers_of, override, record, stats, verdicts

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
VERDICTS = (
    verdicts("bad", ("problematic", None), ("conflicts_with", "x")),
    verdicts("x", ("conflicts_with", "bad")),
    verdicts("old", ("deprecated_in_use", None)),
)


def rows_of(*overrides: Row) -> VerdictRows:
    """The rows after these; overrides come first, as topics are read in any order."""
    rows = VerdictRows()
    rows.put_overrides([record(*each) for each in overrides])
    rows.put([record(*each) for each in VERDICTS])
    return rows


@pytest.mark.parametrize(
    ("overrides", "asked", "others", "word"),
    [
        ([], "bad", [], "hold"),
        ([override("bad", until=LATER)], "bad", [], "go"),
        ([override("bad", until=LATER)], "bad", ["x"], "hold"),  # the conflict is another thing
        ([override("bad", until=LATER), override("bad", "x", until=LATER)], "bad", ["x"], "go"),
        ([override("x", "bad", until=LATER)], "x", ["bad"], "go"),
        ([override("x", "bad", until=LATER)], "bad", ["x"], "hold"),  # it is problematic by itself
        ([override("old", until=LATER)], "old", [], "go"),
        ([override("bad", until=NOW)], "bad", [], "hold"),  # until, not up to and including
        ([override("bad", until=LATER), override("bad", until=None)], "bad", [], "hold"),
        ([override("other", until=LATER)], "bad", [], "hold"),
    ],
)
def test_what_an_override_lets_pass(overrides: list[Row], asked: str, others: list[str], word: str) -> None:
    """A component by itself, or one conflict from both sides; to the moment it ends; the verdict stays."""
    rows = rows_of(*overrides)
    told = advise(asked, others, rows.rows, NOW)
    assert told.word is Word(word)
    assert len(rows.rows["bad"]) == 2


def test_the_answer_says_who_overrides_why_and_until_when() -> None:
    """Go by an override is not a plain go; and the gravest that is left comes first."""
    told = advise("bad", [], rows_of(override("bad", until=LATER)).rows, NOW)
    assert told.reason == "Overridden by ada until 2026-03-02 00:00Z (we know): Because of problematic."
    assert [each.is_overridden for each in told.reasons] == [True, False]
    assert advise("bad", [], rows_of(override("bad", until=LATER)).rows, LATER).word is Word.HOLD


def test_rows_keep_the_newest_and_count_the_bad() -> None:
    """X1: what is no override changes nothing; a key that is not its subject's is none."""
    rows = OverrideRows()
    (key, value), longer = override("a", until=NOW), override("a", until=LATER)
    other_key = subject_key(("b",))
    bad = [record(key, None), record(key, b"{"), record(other_key, value), record(None, value)]
    assert rows.put([record(key, value), record(*longer), *bad]) == [("a",)]
    assert rows.bad == 4
    assert rows.expire(NOW) == []
    assert rows.expire(LATER) == [("a",)]
    assert rows.rows == {}


@pytest.mark.parametrize(
    "fields",
    [{"until": None}, {"until": "2026-01-01T00:00:00Z"}, {"reason": " "}, {"other": "A"}, {"by": ""}],
)
def test_an_override_is_whole(fields: dict[str, object]) -> None:
    """X2: without a time to end at, a reason and a name there is none; a pair stands in one order."""
    told = orjson.loads(override("a", until=LATER)[1]) | fields
    with pytest.raises(ValidationError):
        Override.model_validate(told)


def test_what_cannot_be_made_is_said_in_one_line() -> None:
    """X2: the field and what is wrong with it."""
    with pytest.raises(OverrideError, match=r"^reason: String should have at most"):
        beginning(("a",), "ada", "x" * 3_000, NOW, 1)
    with pytest.raises(OverrideError, match="component_id"):
        ending(("",), "ada", "", NOW)
    with pytest.raises(ValueError, match="two components"):
        subject_of("a", "a")
    assert subject_of("b", "a") == ("a", "b")


@pytest.fixture
def asker() -> Asker:
    return Asker(answers_of([stats("bad", 2, 20), stats("x", 5, 5)], verdicts=VERDICTS))


async def test_answers_show_it_until_it_ends(asker: Asker) -> None:
    """Component and list carry it beside the verdict, the stream tells of its coming and going."""
    answers = asker.context.answers
    number = answers.changes.last
    until = datetime.now(UTC) + timedelta(days=1)
    answers.take_overrides([record(*override("bad", until=until)), record(*override("never", until=until))])

    async def shown() -> list[str | None]:
        row = (await asker.get("/v1/components/bad")).json
        listed = (await asker.get("/v1/verdicts")).json["components"][0]["verdicts"]
        assert listed == row["verdicts"]
        return [each["override"] and each["override"]["reason"] for each in listed]

    assert await shown() == ["we know", None]
    assert (await asker.post("/v1/gate", {"component_id": "bad"})).json["word"] == "go"
    answers.expire(until)
    assert await shown() == [None, None]
    assert (await asker.post("/v1/gate", {"component_id": "bad"})).json["word"] == "hold"
    assert [(each.kind, each.ids) for each in answers.changes.since(number)] == [("verdict", ("bad",))] * 2
    assert answers.bad_rows == 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose gate reads these rows; returns where it keeps what it saw."""
    until = datetime.now(UTC) + timedelta(days=1)

    async def all_held(_: Settings) -> held_of.Held:
        return rows_of(override("bad", until=until, reason=EVIL)).rows

    monkeypatch.setattr(held_of, "all_held", all_held)
    monkeypatch.setenv("FLEETFOLD_STATE_DIR", str(tmp_path))
    return tmp_path


def test_the_snapshot_keeps_overrides_and_ends_them(machine: Path) -> None:
    """A gate without a service lets pass what it saw overridden, and holds it again from the end on (X9)."""
    first = CliRunner().invoke(app, ["gate", "bad"])
    assert (first.exit_code, first.stdout[:4]) == (0, "go: ")
    assert "\x1b" not in first.stdout
    (path,) = machine.glob("verdicts-*.json")
    loaded = Snapshot(path).load()
    assert loaded is not None
    (problematic, _), shown = loaded[0]["bad"], loaded[0]["bad"][0].override
    assert shown is not None
    ran_out = shown.model_copy(update={"at": NOW - timedelta(days=9), "until": NOW - timedelta(days=1)})
    Snapshot(path).save({"bad": [problematic.model_copy(update={"override": ran_out})]})
    assert CliRunner().invoke(app, ["gate", "bad"]).exit_code == 4


@pytest.mark.usefixtures("machine")
def test_explain_shows_it() -> None:
    """Whoever asks why sees who let it pass; harmlessly (X9)."""
    done = CliRunner().invoke(app, ["explain", "bad"])
    assert "overridden by ada until " in done.stdout
    assert "\x1b" not in done.stdout


def test_an_old_snapshot_is_read(tmp_path: Path) -> None:
    """A file of the release before has no overrides."""
    told = rows_of().rows["bad"]
    fields = [each.model_dump(mode="json", exclude={"override"}) for each in told]
    path = tmp_path / "verdicts.json"
    path.write_bytes(orjson.dumps({"at_s": time.time(), "held": {"bad": fields}}))
    loaded = Snapshot(path).load()
    assert loaded is not None
    assert loaded[0]["bad"] == told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a"], "--reason is needed"),
        (["a", "--reason", " "], "--reason is needed"),
        (["a", "--with", "a", "--reason", "r"], "two components"),
        (["a", "--reason", "r", "--for-days", "0"], "--for-days must be above 0"),
        (["a", "--reason", "r", "--for-days", "366"], "365 at most"),
        (["a", "--reason", "r", "--for-days", "nan"], "--for-days must be above 0"),
    ],
)
def test_wrong_arguments_end_with_2(arguments: list[str], says: str) -> None:
    """What is wrong is said before Kafka is asked."""
    done = CliRunner().invoke(app, ["override", *arguments])
    assert done.exit_code == 2
    assert says in done.stderr
