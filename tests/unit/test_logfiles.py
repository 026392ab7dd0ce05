"""A log's identity and its lines, plain, rotated, gzipped, damaged."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.publish import logfiles
from processor.publish.importers.base import LogFile, RawLine
from processor.publish.importers.dpkg import DpkgImporter
from processor.publish.logfiles import CorruptLogError, LogFileError, read_lines

OLD = b"2026-01-02 03:04:05 startup archives unpack\n2026-01-02 03:04:05 conffile a keep\n"
NEW = b"2026-02-02 03:04:05 startup archives unpack\n2026-02-02 03:04:06 startup packages configure\n"


def find_logs(paths: list[Path]) -> list[LogFile]:
    return logfiles.find_logs(paths, DpkgImporter())


def test_identity_stays_over_rotation_and_gzip(tmp_path: Path) -> None:
    """The same text under another name or compressed is the same file, with the same offsets."""
    (tmp_path / "dpkg.log").write_bytes(OLD)
    (tmp_path / "dpkg.log.2.gz").write_bytes(gzip.compress(OLD + NEW))
    packed, plain = find_logs([tmp_path])
    assert plain.identity == packed.identity
    assert [(line.start, line.end, line.text) for line in read_lines(packed, len(OLD))] == [
        (len(OLD), len(OLD) + 44, NEW[:43]),
        (len(OLD) + 44, len(OLD + NEW), NEW[44:-1]),
    ]


def test_oldest_first(tmp_path: Path) -> None:
    """Logs are read in the order of their first time, whatever their names."""
    (tmp_path / "dpkg.log").write_bytes(NEW)
    (tmp_path / "dpkg.log.1").write_bytes(OLD)
    (tmp_path / "alternatives.log").write_bytes(OLD)
    assert [log.path.name for log in find_logs([tmp_path])] == ["dpkg.log.1", "dpkg.log"]
    named = find_logs([tmp_path / "dpkg.log", tmp_path / "dpkg.log.1", tmp_path])
    assert [log.path.name for log in named] == ["dpkg.log.1", "dpkg.log"]


def test_rotated_within_a_second(tmp_path: Path) -> None:
    """Where times do not tell, logrotate's numbers and days do: `.10` is older than `.2`."""
    names = ["dpkg.log.10.gz", "dpkg.log.2.gz", "dpkg.log.1", "dpkg.log"]
    for number, name in enumerate(reversed(names)):
        text = OLD + b"2026-01-02 03:04:05 conffile %d keep\n" % number
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert [log.path.name for log in find_logs([tmp_path])] == names


def test_unreadable_lines_before_the_first_time(tmp_path: Path) -> None:
    """X1: a log that begins with what a power cut left is ordered by its first readable line."""
    (tmp_path / "a").write_bytes(NEW)
    (tmp_path / "b").write_bytes(b"\0\0\0\n" + OLD)
    assert [log.path.name for log in find_logs([tmp_path / "a", tmp_path / "b"])] == ["b", "a"]


def test_line_that_is_still_written(tmp_path: Path) -> None:
    """A last line without its newline is left, and a file with no whole line is no log yet."""
    (tmp_path / "dpkg.log").write_bytes(OLD + b"2026-01-02 03:0")
    (tmp_path / "dpkg.log.1").write_bytes(b"2026-01-02 03:0")
    (tmp_path / "dpkg.log.2").write_bytes(b"")
    (log,) = find_logs([tmp_path])
    assert list(read_lines(log))[-1].end == len(OLD)


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damaged_gzip(tmp_path: Path, damage: str) -> None:
    """X1: a damaged gzip file gives the lines before the damage, and then says where it is."""
    text = OLD + b"".join(b"2026-01-02 03:04:05 conffile %d keep\n" % number for number in range(20_000))
    data = gzip.compress(text)
    half = len(data) // 2
    path = tmp_path / "dpkg.log.2.gz"
    path.write_bytes(data[:half] if damage == "cut" else data[:half] + bytes(64) + data[half + 64 :])
    (log,) = find_logs([path])
    lines: list[RawLine] = []
    with pytest.raises(CorruptLogError, match="damaged after byte"):
        collect(read_lines(log), lines)
    assert b"".join(line.text + b"\n" for line in lines).startswith(OLD)


def collect(stream: Iterator[RawLine], lines: list[RawLine]) -> None:
    for line in stream:
        lines.append(line)  # noqa: PERF402  # extend() would keep nothing of a stream that raises


def test_gzip_damaged_from_its_start(tmp_path: Path) -> None:
    """X1: a gzip file without one readable line does not stand in the way of the others."""
    (tmp_path / "dpkg.log.2.gz").write_bytes(gzip.compress(OLD)[:12])
    (tmp_path / "dpkg.log").write_bytes(NEW)
    damaged, good = find_logs([tmp_path])
    assert good.path.name == "dpkg.log"
    with pytest.raises(CorruptLogError):
        list(read_lines(damaged))


@pytest.mark.parametrize("name", ["missing", "empty-folder"])
def test_path_that_cannot_work(tmp_path: Path, name: str) -> None:
    """X10: a path that holds no log is one clear line with the path in it."""
    (tmp_path / "empty-folder").mkdir()
    with pytest.raises(LogFileError, match=name):
        find_logs([tmp_path / name])


def test_endless_line(tmp_path: Path) -> None:
    """X12: a file without newlines is cut into pieces of bounded size, not read whole."""
    (tmp_path / "dpkg.log").write_bytes(b"x" * 200_000)
    log = LogFile(tmp_path / "dpkg.log", "", "")
    assert max(len(line.text) for line in read_lines(log)) == 65_536
