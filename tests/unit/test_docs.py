"""The documents say what the code says."""

from pathlib import Path

import pytest

from processor import metrics, settings
from processor.cli.main import app
from processor.serve.http import meters
from processor.verdicts.meters import markdown_table as writer_table
from schemas.topics import TOPICS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "table",
    [
        metrics.markdown_table,
        metrics.gateway_table,
        settings.markdown_table,
        meters.markdown_table,
        writer_table,
    ],
)
def test_the_operations_page_holds_the_tables(table: "object") -> None:
    """A setting or metric that changes must change on the page: print the table anew and paste it."""
    assert callable(table)
    assert table() in (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_every_topic() -> None:
    """The README's table of topics leaves none out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [spec.name for spec in TOPICS if f"`{spec.name}`" not in text] == []


def test_the_readme_names_only_commands_that_exist() -> None:
    """What the README tells people to type must be there."""
    known = {group.name for group in app.registered_groups}
    known |= {each.name or each.callback.__name__ for each in app.registered_commands if each.callback}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = {line.split()[1] for line in text.splitlines() if line.startswith("fleetfold ")}
    assert typed
    assert typed <= known
