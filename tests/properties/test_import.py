"""However a log is cut into imports, rotated, compressed or interrupted, each outcome is sent once."""

import gzip
import tempfile
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.publish.bookmark import Bookmarks
from processor.publish.importer import ImportSummary, read_chunks
from processor.publish.importers.base import Source
from processor.publish.importers.dpkg import DpkgImporter
from processor.publish.logfiles import find_logs
from schemas import ComponentOutcome
from tests.importing import Broker, CrashError, import_files

DPKG = DpkgImporter()
SOURCE = Source("host", ZoneInfo("Europe/Berlin"))
DATA = Path(__file__).parents[1] / "data" / "dpkg"
REAL = [path.read_bytes() for path in sorted(DATA.glob("*.log"))]

PACKAGES = ("a:amd64", "b:amd64", "c:all")
STATES = (
    "half-installed",
    "unpacked",
    "half-configured",
    "installed",
    "config-files",
    "not-installed",
    "triggers-awaited",
    "triggers-pending",
)
CALLS = ("archives unpack", "archives install", "packages configure", "packages remove", "packages purge")


def import_logs(folder: Path, broker: Broker, source: Source = SOURCE) -> ImportSummary:
    """Import every log of a folder, with a bookmark in `state` beside them."""
    return import_files(DPKG, source, [folder], folder / "state", broker)


def whole(log: bytes) -> list[ComponentOutcome]:
    with tempfile.TemporaryDirectory() as name:
        Path(name, "dpkg.log").write_bytes(log)
        broker = Broker()
        import_logs(Path(name), broker)
    return broker.events


@st.composite
def random_logs(draw: st.DrawFn) -> bytes:
    """Draw a log of any lines in any order: states that dpkg would never write, and unreadable lines too."""
    seconds = draw(st.lists(st.sampled_from((0, 0, 1, 59, 61, 1_900)), min_size=2, max_size=60))
    lines = []
    at_s = 2 * 3600 - 900
    for step_s in seconds:
        at_s = (at_s + step_s) % 86_400
        # The night in which the hour from 2 to 3 comes twice: wall clocks step back once.
        stamp = f"2026-10-25 {at_s // 3600:02}:{at_s // 60 % 60:02}:{at_s % 60:02}"
        lines.append(f"{stamp} {draw(_WHAT)}\n")
        if at_s >= 3 * 3600 - 60 and draw(st.booleans()):
            at_s -= 3600
    return "".join(lines).encode()


_PACKAGE = st.sampled_from(PACKAGES)
_WHAT = st.one_of(
    st.builds("startup {}".format, st.sampled_from(CALLS)),
    st.builds(
        "{} {} 1 2".format, st.sampled_from(("install", "upgrade", "configure", "remove", "purge")), _PACKAGE
    ),
    st.builds("status {} {} 1".format, st.sampled_from(STATES), _PACKAGE),
    st.builds("status {} {} 1".format, st.sampled_from(STATES), _PACKAGE),
    st.just("rubbish"),
    st.just("status rubbish"),
)
LOGS = st.one_of(random_logs(), st.sampled_from(REAL))


@settings(max_examples=60)
@given(log=LOGS, data=st.data())
def test_any_split_into_imports_gives_the_same_events(log: bytes, data: st.DataObject) -> None:
    """S1: imports at any moments, also amid a line, send what one import of the whole log sends."""
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=5))
    broker = Broker()
    with tempfile.TemporaryDirectory() as name:
        for cut in [*sorted(cuts), len(log)]:
            Path(name, "dpkg.log").write_bytes(log[:cut])
            import_logs(Path(name), broker)
    assert broker.events == whole(log)


@settings(max_examples=60)
@given(log=LOGS, crash_after=st.integers(1, 3), data=st.data())
def test_crash_between_sending_and_marking(log: bytes, crash_after: int, data: st.DataObject) -> None:
    """S4: what is sent again after a crash is one chunk of at most 32 events, with the same event ids."""
    cut = data.draw(st.integers(0, len(log)))
    broker = Broker(crash_after)
    with tempfile.TemporaryDirectory() as name:
        for part in (log[:cut], log):
            Path(name, "dpkg.log").write_bytes(part)
            try:
                import_logs(Path(name), broker)
            except CrashError:
                crashed, broker = broker, Broker()
                import_logs(Path(name), broker)
                again = crashed.chunks[-1]
                assert broker.events[: len(again)] == again
                broker.chunks = [*crashed.chunks[:-1], *broker.chunks]
    assert broker.events == whole(log)
    assert all(len(chunk) <= 32 for chunk in broker.chunks)


@settings(max_examples=40)
@given(log=LOGS, data=st.data())
def test_rotation_and_gzip_change_nothing(log: bytes, data: st.DataObject) -> None:
    """A log that is read, rotated, compressed and read again beside its successor sends nothing twice."""
    lines = log.splitlines(keepends=True)
    border = data.draw(st.integers(1, len(lines) - 1))
    old, new = b"".join(lines[:border]), b"".join(lines[border:])
    seen = data.draw(st.integers(0, len(old)))
    later = data.draw(st.integers(0, len(new)))
    broker, straight = Broker(), Broker()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dpkg.log").write_bytes(old[:seen])
        import_logs(folder, broker)
        (folder / "dpkg.log").write_bytes(old)
        (folder / "dpkg.log").rename(folder / "dpkg.log.1")
        (folder / "dpkg.log").write_bytes(new[:later])
        import_logs(folder, broker)
        (folder / "dpkg.log.1").unlink()
        (folder / "dpkg.log.2.gz").write_bytes(gzip.compress(old))
        (folder / "dpkg.log").write_bytes(new)
        summary = import_logs(folder, broker)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dpkg.log.2.gz").write_bytes(gzip.compress(old))
        (folder / "dpkg.log").write_bytes(new)
        import_logs(folder, straight)
    assert broker.events == straight.events
    assert summary.sent + summary.known == len(straight.events)


@settings(max_examples=30)
@given(log=LOGS)
def test_running_it_twice_sends_nothing_new(log: bytes) -> None:
    """A second import knows every event of the first and sends none."""
    broker, second = Broker(), Broker()
    with tempfile.TemporaryDirectory() as name:
        Path(name, "dpkg.log").write_bytes(log)
        first = import_logs(Path(name), broker)
        again = import_logs(Path(name), second)
        finished = import_logs(Path(name), second, Source("host", SOURCE.zone, finished=True))
    assert (again.sent, again.known) == (0, first.sent)
    assert finished.unfinished == []


@settings(max_examples=30)
@given(log=LOGS)
def test_event_ids_are_unique_and_of_the_host(log: bytes) -> None:
    """No two outcomes share an event id, and two hosts with the same log share none."""
    bookmarks, ids = Bookmarks(), list[UUID | None]()
    with tempfile.TemporaryDirectory() as name:
        Path(name, "dpkg.log").write_bytes(log)
        logs = find_logs([Path(name)], DPKG)
        for host in ("one", "two"):
            source = Source(host, SOURCE.zone, finished=True)
            for chunk in read_chunks(logs, DPKG, source, bookmarks, ImportSummary()):
                ids += [event.event_id for event in chunk.events]
    assert len(set(ids)) == len(ids)
