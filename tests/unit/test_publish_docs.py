"""The README says what leaves a machine, and how to turn it off: as the code has it."""

from pathlib import Path

import orjson

from processor.publish.making import EventMaker
from processor.publish.optout import VARIABLES, opt_out_files

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
# Each field of an event, and the words that tell of it.
TOLD = {
    "component_id": "the component's id as you give it",
    "outcome_type": "the outcome",
    "timestamp": "the time",
    "event_id": "a random event id",
    "host_id": "a salted hash of the host's name",
    "context": "the context, redacted",
}


def test_every_field_is_told() -> None:
    """A field that is added to what is sent must be added to what is told."""
    made = EventMaker("h", str).make("c", "deprecated").encoded.value
    assert set(orjson.loads(made)) == set(TOLD)
    assert [words for words in TOLD.values() if words not in README] == []


def test_every_way_out_is_told() -> None:
    """Each variable and file that opts out stands in the README."""
    files = [str(path) for path in opt_out_files({"HOME": "~"})]
    assert [name for name in (*VARIABLES, *files) if name not in README] == []
