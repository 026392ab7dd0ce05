"""`fleetfold gate` and `explain`: the answer, its exit code, and what happens when nobody answers."""

import asyncio
import json
import time
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from processor.cli import held as held_of
from processor.cli.held import Snapshot
from processor.cli.main import app
from processor.errors import KafkaUnavailableError
from processor.serve.verdictrows import VerdictRows
from processor.settings import Settings
from tests.served import EVIL, record, verdicts

NOWHERE = "127.0.0.1:1"


def held() -> held_of.Held:
    rows = VerdictRows()
    rows.put([
        record(*verdicts("bad", ("problematic", None))),
        record(*verdicts("old", ("deprecated_in_use", None))),
        record(*verdicts("x", ("conflicts_with", "y"))),
    ])  # fmt: skip
    return rows.rows


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """The service answers; the list holds one entry for each time that it was asked."""
    asked: list[int] = []

    async def all_held(_: Settings) -> held_of.Held:
        asked.append(1)
        return held()

    monkeypatch.setattr(held_of, "all_held", all_held)
    monkeypatch.setenv("FLEETFOLD_STATE_DIR", str(tmp_path))
    return asked


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nobody answers; returns the folder where what was seen last is kept."""

    async def all_held(_: Settings) -> held_of.Held:
        raise KafkaUnavailableError("no Kafka answers")

    monkeypatch.setattr(held_of, "all_held", all_held)
    monkeypatch.setenv("FLEETFOLD_STATE_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["good"], 0, "go"),
        (["bad"], 4, "hold"),
        (["x"], 0, "go"),
        (["x", "--with", "z", "--with", "y"], 4, "hold"),
        (["old"], 0, "warn"),
        (["bad", "--force", "we know"], 0, "hold"),
    ],
)
def test_the_exit_code_says_whether_to_install(arguments: list[str], code: int, word: str) -> None:
    """0 go, 0 with a warning, 4 hold; and whoever installs may go on all the same."""
    done = CliRunner().invoke(app, ["gate", *arguments])
    assert done.exit_code == code
    assert done.stdout.startswith(f"{word}: ")
    assert bool(done.stderr) == (word == "warn" or "--force" in arguments)


def test_it_asks_once_a_minute(answering: list[int]) -> None:
    """A hundred installs in a row ask once; JSON holds the verdict with its evidence."""
    for _ in range(3):
        done = CliRunner().invoke(app, ["gate", "bad", "--json"])
    assert len(answering) == 1
    told = json.loads(done.stdout)
    assert (told["word"], told["reasons"][0]["verdict"]["kind"]) == ("hold", "problematic")


def keep(folder: Path, age_s: float) -> None:
    """Leave a snapshot of this age where the gate looks."""
    CliRunner().invoke(app, ["gate", "good", "--bootstrap", NOWHERE])  # the name of its file is its own
    (path,) = folder.glob("verdicts-*.json")
    told = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(told | {"at_s": time.time() - age_s}))


def test_without_an_answer_it_goes_by_what_it_saw_last(
    answering: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An old snapshot still holds what it held, and says how old it is."""
    keep(tmp_path, 3_600)

    async def nobody(_: Settings) -> held_of.Held:
        raise KafkaUnavailableError("no Kafka answers")

    monkeypatch.setattr(held_of, "all_held", nobody)
    done = CliRunner().invoke(app, ["gate", "bad", "--bootstrap", NOWHERE])
    assert (done.exit_code, len(answering)) == (4, 1)
    assert "as of 60 min ago" in done.stderr


@pytest.mark.usefixtures("silent")
def test_without_anything_it_lets_go_with_a_warning() -> None:
    """A service that is away blocks nobody's install."""
    done = CliRunner().invoke(app, ["gate", "bad"])
    assert done.exit_code == 0
    assert "nothing is known of it (no Kafka answers)" in done.stderr


def test_it_waits_no_longer_than_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A service that never answers is given up at the set time."""

    async def for_ever(_: Settings) -> held_of.Held:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(held_of, "all_held", for_ever)
    monkeypatch.setenv("FLEETFOLD_STATE_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["gate", "bad", "--within-s", "0.05"])
    assert done.exit_code == 0
    assert "no answer within 0.05 s" in done.stderr


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"held": 3, "at_s": 1}', b'{"held": {}, "at_s": "x"}', b"[]"]
)
def test_a_bad_snapshot_is_none(tmp_path: Path, content: bytes) -> None:
    """X1: a file that was cut or written by another is no answer, and no crash."""
    path = tmp_path / "verdicts.json"
    path.write_bytes(content)
    assert Snapshot(path).load() is None
    Snapshot(path).save(held())
    loaded = Snapshot(path).load()
    assert loaded is not None
    assert loaded[0] == held()


@pytest.mark.usefixtures("answering")
def test_explain_says_why() -> None:
    """The sentence and the numbers; an id that nothing is held against says so, harmlessly (X9)."""
    done = CliRunner().invoke(app, ["explain", "bad", EVIL])
    assert done.exit_code == 0
    assert "problematic: Because of problematic." in done.stdout
    assert "confidence 99.99%" in done.stdout
    assert "nothing is held against it" in done.stdout
    assert "\x1b" not in done.stdout
    listed = json.loads(CliRunner().invoke(app, ["explain", "--json"]).stdout)
    assert [each["component_id"] for each in listed] == ["bad", "old", "x"]
