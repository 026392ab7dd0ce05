"""The spool keeps what it said it keeps: in order, within its limit, over crashes and damage."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from processor.publish.encoding import EncodedEvent
from processor.publish.spool import Spool, SpoolError, spool_path, spools_in
from processor.publish.turns import turn

MEGABYTE = 1_000_000


def event(number: int, size: int = 10) -> EncodedEvent:
    return EncodedEvent(b"host", b"%06d" % number + b"x" * size)


def events(first: int, end: int, size: int = 10) -> list[EncodedEvent]:
    return [event(number, size) for number in range(first, end)]


def test_order_over_processes(tmp_path: Path) -> None:
    """What several writers append comes out in the order of their appends, each once."""
    one, other = Spool(tmp_path / "s.sqlite", MEGABYTE), Spool(tmp_path / "s.sqlite", MEGABYTE)
    assert (one.append(events(0, 3)), other.append(events(3, 5)), one.append(events(5, 6))) == (3, 2, 1)
    found = other.oldest(100)
    assert [row.event for row in found] == events(0, 6)
    one.remove_to(found[3].seq)
    assert [row.event for row in other.oldest(1)] == [event(4)]
    assert (one.count(), other.is_empty()) == (2, False)


def test_nothing_is_made_before_something_waits(tmp_path: Path) -> None:
    """Asking an empty spool leaves no file behind."""
    spool = Spool(tmp_path / "folder" / "s.sqlite", MEGABYTE)
    assert (spool.is_empty(), spool.count(), spool.about()) == (True, 0, {})
    spool.remove_to(5)
    assert list(tmp_path.iterdir()) == []


def test_full_spool_keeps_the_oldest(tmp_path: Path) -> None:
    """When it is full what is in it stays; what has no room is refused, and what comes after it too."""
    spool = Spool(tmp_path / "s.sqlite", 10_000)
    kept = spool.append(events(0, 20, size=926))  # 1,000 bytes each with key and row
    assert kept == 10
    assert spool.append([event(99, size=1)]) == 0
    assert [row.event for row in spool.oldest(100)] == events(0, 10, size=926)
    spool.remove_to(spool.oldest(1)[0].seq)
    assert spool.append([event(100, size=926), event(101, size=1)]) == 1


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Contexts are nobody else's business, whatever the umask: the files are the owner's alone."""
    spool = Spool(tmp_path / "state" / "s.sqlite", MEGABYTE)
    spool.append([event(1)])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    assert modes == {"s.sqlite": 0o600, "s.sqlite-wal": 0o600, "s.sqlite-shm": 0o600}


def test_damage_is_moved_aside(tmp_path: Path) -> None:
    """A file that is no database does not stop publishing, and is kept for whoever can mend it."""
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 50)
    spool = Spool(path, MEGABYTE)
    assert spool.append([event(1)]) == 1
    assert [row.event for row in spool.oldest(10)] == [event(1)]
    assert (tmp_path / "s.sqlite.corrupt-1").read_bytes().startswith(b"this is no database")


def test_unusable_folder_is_said(tmp_path: Path) -> None:
    """A folder that cannot be made is an error with the spool's name, not a traceback of SQLite's."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"file/s\.sqlite cannot be used"):
        Spool(tmp_path / "file" / "s.sqlite", MEGABYTE).append([event(1)])


def test_a_full_disk_is_said_and_undone(tmp_path: Path) -> None:
    """A disk that is full refuses the whole append: nothing is told kept that is not."""
    spool = Spool(tmp_path / "s.sqlite", 100 * MEGABYTE)
    spool.append([event(1)])
    assert spool._connection is not None
    spool._connection.execute("PRAGMA max_page_count=20")  # SQLite's own word for no more room
    with pytest.raises(SpoolError, match="full"):
        spool.append(events(2, 200, size=2_000))
    assert [row.event for row in spool.oldest(10)] == [event(1)]


def test_what_is_kept_survives_sigkill(tmp_path: Path) -> None:
    """An append that returned is on the disk; the process may die in the next moment."""
    code = (
        "import os, signal, sys, pathlib\n"
        "from processor.publish.spool import Spool\n"
        "from processor.publish.encoding import EncodedEvent\n"
        "spool = Spool(pathlib.Path(sys.argv[1]), 1_000_000)\n"
        "spool.append([EncodedEvent(b'host', b'%06d' % n + b'x' * 10) for n in range(3)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "s.sqlite"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [row.event for row in Spool(path, MEGABYTE).oldest(10)] == events(0, 3)


def test_size_is_given_back(tmp_path: Path) -> None:
    """Filling and draining again and again neither shrinks the limit nor grows the file."""
    path = tmp_path / "s.sqlite"
    spool = Spool(path, 200_000)
    for _ in range(5):
        assert spool.append(events(0, 150, size=1_000)) == 150
        spool.remove_to(spool.oldest(150)[-1].seq)
    spool.close()
    assert path.stat().st_size < 200_000
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT bytes FROM size").fetchone() == (0,)
    connection.close()


def test_one_spool_for_each_kafka_and_topic(tmp_path: Path) -> None:
    """What waits for one Kafka is never sent to another."""
    a, b, c = (spool_path(tmp_path, *to) for to in (("k:1", "t"), ("k:2", "t"), ("k:1", "u")))
    assert len({a, b, c}) == 3
    Spool(b, MEGABYTE, {"bootstrap": "k:2", "topic": "t"}).append([event(1)])
    assert spools_in(tmp_path) == [b]
    assert Spool(b, MEGABYTE).about() == {"bootstrap": "k:2", "topic": "t"}


async def test_turns(tmp_path: Path) -> None:
    """One at a time: who waits too long is told no, and who waits long enough gets the turn."""
    path = tmp_path / "s.sqlite"
    async with turn(path, 0) as first:
        async with turn(path, 0.03) as second:
            assert (first, second) == (True, False)
        waiting = asyncio.create_task(_take(path))
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting


async def _take(path: Path) -> bool:
    async with turn(path, 30) as ours:
        return ours


async def test_a_killed_sender_gives_its_turn_back(tmp_path: Path) -> None:
    """The kernel frees the lock of a process that was killed; nobody waits for a ghost."""
    path = tmp_path / "s.sqlite"
    code = (
        "import asyncio, pathlib, sys\n"
        "from processor.publish.turns import turn\n"
        "async def main():\n"
        "    async with turn(pathlib.Path(sys.argv[1]), 0) as ours:\n"
        "        print(ours, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:  # noqa: ASYNC220 -- quick to start
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        async with turn(path, 0) as ours:
            assert not ours
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        async with turn(path, 10) as ours:
            assert ours
