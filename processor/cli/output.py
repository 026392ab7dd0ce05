"""What comes from outside is shown harmlessly: no id can move the cursor, colour the screen or lie.

`console` and `err_console` never read markup, so an id such as `[red]x` is shown as it is written.
Styles are given by name (`style="bold"`), not inside the text. Colours appear only on a terminal.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

__all__ = ["console", "err_console", "harmless", "print_json", "print_table"]

console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
err_console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

# Control and format characters (bidi marks, joiners), lone surrogates, private and unassigned code
# points, line and paragraph separators, and every space but the plain one.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def harmless(text: str) -> str:
    r"""Return the text with every character that could mislead a terminal as an escape.

    A newline becomes `\n`, an escape character `\x1b`, a right-to-left override `\u202e`; a backslash
    is doubled, so that two different ids never look the same.
    """
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if short := _SHORT.get(character):
        return short
    if character == " " or unicodedata.category(character) not in _ESCAPED_CATEGORIES:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # the widths of the escapes themselves


def print_json(obj: Any) -> None:
    """Print one JSON document on standard output, in ASCII, so that no terminal acts on what is in it."""
    sys.stdout.write(json.dumps(obj, indent=2 if sys.stdout.isatty() else None) + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", right: Iterable[str] = ()
) -> None:
    """Print rows under their columns: framed on a terminal, plain aligned lines when piped.

    Args:
        columns: the headings.
        rows: one cell per column; cells are shown harmlessly.
        title: a line above the table.
        right: the columns to align on the right (numbers).
    """
    cells = [[harmless(str(cell)) for cell in row] for row in rows]
    if console.is_terminal:
        table = Table(title=title or None, title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(column, justify="right" if column in right else "left", overflow="fold")
        for row in cells:
            table.add_row(*row)
        console.print(table, soft_wrap=False)
        return
    if title:
        console.print(title)
    for line in _aligned(columns, cells, set(right)):
        console.print(line)


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]], right: set[str]) -> Iterable[str]:
    """Yield the heading and the rows with two spaces between columns, whatever the width of the page."""
    widths = [
        max([cell_len(column), *(cell_len(row[i]) for row in rows)]) for i, column in enumerate(columns)
    ]
    for row in [list(columns), *rows]:
        padded = []
        for column, cell, width in zip(columns, row, widths, strict=True):
            blanks = " " * (width - cell_len(cell))
            padded.append(blanks + cell if column in right else cell + blanks)
        yield "  ".join(padded).rstrip()
