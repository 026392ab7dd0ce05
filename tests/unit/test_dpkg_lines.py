"""The grammar of a line, and local time."""

from zoneinfo import ZoneInfo

import pytest

from processor.publish.dpkg_lines import Line, LocalClock, parse_line
from schemas.times import format_us

BERLIN = ZoneInfo("Europe/Berlin")
AT = "2026-01-02 03:04:05"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("startup archives unpack", Line(AT, "startup", "archives unpack")),
        ("status installed a:amd64 1:2-3", Line(AT, "status", "installed", "a", "amd64", new="1:2-3")),
        (
            "status not-installed a:amd64 <none>",
            Line(AT, "status", "not-installed", "a", "amd64", new="<none>"),
        ),
        ("install a:all <none> 2", Line(AT, "install", "", "a", "all", "<none>", "2")),
        ("upgrade libc++1 1 2", Line(AT, "upgrade", "", "libc++1", "", "1", "2")),
        ("trigproc libc-bin:amd64 2.36 <none>", None),
        ("conffile /etc/a b keep", None),
        ("disappear a:amd64 1 <none>", None),
    ],
)
def test_line(text: str, line: Line | None) -> None:
    """Each form of dpkg(1)'s log is read; what says nothing about installs is passed over."""
    assert parse_line(f"{AT} {text}".encode()) == line


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 200,
        b"2026-01-02 03:04:05",
        b"2026-01-02T03:04:05 startup archives unpack",
        b"2026-01-02 03:04:05 status installed a:amd64",
        b"2026-01-02 03:04:05 install a:amd64 1",
        b"2026-01-02 03:04:05 install ../a <none> 1",
        b"2026-01-02 03:04:05 install " + b"+" * 100 + b" <none> 1",
        b"2026-01-02 03:04:05 install \xff <none> 1",
    ],
)
def test_unreadable_line(raw: bytes) -> None:
    """X1: what is left of a power cut or another program's log is refused, never guessed at."""
    with pytest.raises(ValueError, match=r"no line|status line|an action|no name|can't decode"):
        parse_line(raw)


def read(*stamps: str, last_us: int | None = None) -> list[str]:
    clock = LocalClock(BERLIN, last_us)
    return [format_us(clock.read(stamp))[:19] for stamp in stamps]


def test_local_time_in_winter_and_summer() -> None:
    """The machine's zone counts on each day as it was on that day."""
    assert read("2026-01-02 12:00:00", "2026-07-02 12:00:00") == [
        "2026-01-02T11:00:00",
        "2026-07-02T10:00:00",
    ]


def test_hour_that_comes_twice() -> None:
    """In the ambiguous hour of autumn the first reading counts until time steps back."""
    assert read(
        "2026-10-25 02:10:00", "2026-10-25 02:59:00", "2026-10-25 02:05:00", "2026-10-25 03:00:00"
    ) == [
        "2026-10-25T00:10:00",
        "2026-10-25T00:59:00",
        "2026-10-25T01:05:00",
        "2026-10-25T02:00:00",
    ]


def test_second_hour_goes_on_in_the_next_import() -> None:
    """What a bookmark carries over is enough to stay in the second of the two hours."""
    clock = LocalClock(BERLIN)
    for stamp in ("2026-10-25 02:50:00", "2026-10-25 02:05:00"):
        clock.read(stamp)
    assert read("2026-10-25 02:05:00", "2026-10-25 02:06:00", last_us=clock.last_us) == [
        "2026-10-25T01:05:00",
        "2026-10-25T01:06:00",
    ]


def test_small_step_back_is_a_corrected_clock() -> None:
    """A clock set back by seconds inside the ambiguous hour does not jump it by an hour."""
    assert read("2026-10-25 02:10:00", "2026-10-25 02:09:30") == [
        "2026-10-25T00:10:00",
        "2026-10-25T00:09:30",
    ]


def test_no_such_day() -> None:
    """A day that does not exist is unreadable, and leaves the clock as it was."""
    clock = LocalClock(BERLIN)
    with pytest.raises(ValueError, match="out of range"):
        clock.read("2026-02-30 10:00:00")
    assert clock.last_us is None
