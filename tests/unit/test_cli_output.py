"""What is printed: harmless ids, tables that keep their columns, JSON that is only ASCII."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from processor.cli import output
from processor.cli.output import harmless, print_json, print_table
from processor.cli.progress import progress


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pkg:deb/debian/curl?arch=amd64", "pkg:deb/debian/curl?arch=amd64"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31mred\x07\x7f\x9b", "\\x1b[31mred\\x07\\x7f\\x9b"),
        ("evil\u202etxt.exe\u2066", "evil\\u202etxt.exe\\u2066"),
        ("zero\u200bwidth\ufeff\xa0", "zero\\u200bwidth\\ufeff\\xa0"),
        ("line\u2028sep", "line\\u2028sep"),
        ("lone \ud800", "lone \\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("back\\slash", "back\\\\slash"),
        ("größe 🧩 日本", "größe 🧩 日本"),
        ("[red]x[/red] | 'q\"", "[red]x[/red] | 'q\""),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    """X9: what could mislead a terminal becomes an escape; all else stays as it is."""
    assert harmless(text) == shown


@given(st.text(st.characters()))
def test_harmless_is_printable_and_unambiguous(text: str) -> None:
    """X9: no shown id holds a control or a bidi mark, and the id can be got back from what is shown."""
    shown = harmless(text)
    assert shown.isprintable()
    assert _unescaped(shown) == text


def _unescaped(shown: str) -> str:
    result, i = "", 0
    widths = {"x": 2, "u": 4, "U": 8}
    plain = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
    while i < len(shown):
        if shown[i] != "\\":
            result += shown[i]
            i += 1
        elif (letter := shown[i + 1]) in plain:
            result += plain[letter]
            i += 2
        else:
            end = i + 2 + widths[letter]
            result += chr(int(shown[i + 2 : end], 16))
            i = end
    return result


def test_piped_table_is_aligned_and_uncut(capsys: pytest.CaptureFixture[str]) -> None:
    """A piped table has plain aligned lines of any length, with markup shown as it is written."""
    long_id = "x" * 300
    print_table(("id", "count"), [(long_id, 1), ("[bold]日本\n", 1000)], title="A title", right=("count",))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A title"
    assert lines[1] == "id" + " " * 300 + "count"
    assert lines[2] == long_id + " " * 6 + "1"
    assert lines[3].startswith("[bold]日本\\n ")
    assert lines[3].endswith(" 1000")


def test_terminal_table_is_framed_and_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """X9: on a terminal no id brings its own escape sequences or markup along."""
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=60, markup=False, emoji=False, highlight=False)
    monkeypatch.setattr(output, "console", terminal)
    print_table(("id",), [("[red]a[/red] :smile: \x1b[2J\u202e",)])
    assert "[red]a[/red] :smile: \\x1b[2J\\u202e" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """X9: JSON on a terminal is as harmless as a table, and keeps the id exactly."""
    value = {"id": "ö\x7f\x9b\u202e\n"}
    print_json(value)
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.rstrip("\n").isprintable()
    assert json.loads(out) == value


def test_progress_without_a_terminal_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, progress says the beginning and the end on stderr and leaves stdout alone."""
    with progress("publishing", total=10) as bar:
        bar.advance(4)
        bar.update(completed=10)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["publishing ...", "publishing: 10 of 10"]
