"""Whoever opts out is obeyed, by each way in."""

from pathlib import Path

import pytest

from processor.publish.client import BlockingPublisher
from processor.publish.optout import OptedOutError, opt_out_files, opted_out
from processor.publish.publisher import open_publisher
from processor.publish.receipt import Status
from processor.settings import Settings


@pytest.mark.parametrize(
    ("environment", "forbidden"),
    [
        ({}, None),
        ({"FLEETFOLD_OPT_OUT": "0"}, None),
        ({"FLEETFOLD_OPT_OUT": " False "}, None),
        ({"FLEETFOLD_OPT_OUT": "1"}, "the variable FLEETFOLD_OPT_OUT"),
        ({"FLEETFOLD_OPT_OUT": "yes"}, "the variable FLEETFOLD_OPT_OUT"),
        ({"DO_NOT_TRACK": "1"}, "the variable DO_NOT_TRACK"),
    ],
)
def test_variables(environment: dict[str, str], forbidden: str | None) -> None:
    """A variable that says yes opts out; one that says no says nothing."""
    assert opted_out(environment, files=[]) == forbidden


def test_file(tmp_path: Path) -> None:
    """An empty file opts out, and no variable takes that back."""
    file = tmp_path / "opt-out"
    assert opted_out({}, [file]) is None
    file.touch()
    assert opted_out({"FLEETFOLD_OPT_OUT": "0"}, [file]) == f"the file {file}"


def test_where_the_files_are() -> None:
    """One for the machine, one for the user, where XDG says."""
    machine = Path("/etc/fleetfold/opt-out")
    assert opt_out_files({"HOME": "/h"}) == (machine, Path("/h/.config/fleetfold/opt-out"))
    assert opt_out_files({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}) == (machine, Path("/c/fleetfold/opt-out"))
    assert opt_out_files({}) == (machine,)


def test_a_publisher_sends_and_spools_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installer on a machine that opted out goes on as ever: no error, no file, no connection."""
    monkeypatch.setenv("FLEETFOLD_OPT_OUT", "1")
    told: list[str] = []
    with BlockingPublisher(Settings(), state_dir=tmp_path, on_trouble=told.append) as publisher:
        receipt = publisher.record("a", "install_success", wait=True)
        with publisher.installing("b"):
            pass
    assert (receipt.status, receipt.accepted) == (Status.OPTED_OUT, False)
    assert "FLEETFOLD_OPT_OUT" in receipt.error
    assert (told, list(tmp_path.iterdir())) == ([], [])


def test_a_publisher_that_runs_obeys_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opting out while a service runs stops it before its next event, and keeps it off the disk."""
    with BlockingPublisher(Settings(bootstrap="127.0.0.1:9"), state_dir=tmp_path) as publisher:
        assert publisher.record("a", "install_success", wait=True).status is Status.SPOOL
        monkeypatch.setenv("FLEETFOLD_OPT_OUT", "1")
        assert publisher.record("b", "install_success", wait=True).status is Status.OPTED_OUT


async def test_importing_is_forbidden_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What importers and the simulation publish through says what forbids it, before it connects."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    with pytest.raises(OptedOutError, match="the variable DO_NOT_TRACK"):
        async with open_publisher(Settings(bootstrap="127.0.0.1:1")):
            pytest.fail("published all the same")
