"""A data folder and a port belong to one broker at a time."""

import socket
import threading
from pathlib import Path

import pytest

from processor.broker import BrokerError, BrokerStoppedError
from processor.broker.datadir import DataDir, new_cluster_id
from processor.broker.folderlock import FileLock
from processor.broker.ports import LOOPBACK, PORTS, free_port, is_free


def test_a_lock_has_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second has to wait until the first lets go."""
    with FileLock(tmp_path / "lock") as first, FileLock(tmp_path / "lock") as second:
        assert first.acquire(0)
        assert not second.acquire(0)
        first.release()
        assert second.acquire(0)


def test_waiting_for_a_folder_can_be_broken_off(tmp_path: Path) -> None:
    """A stop does not wait for another broker's end."""
    cancel = threading.Event()
    cancel.set()
    first, second = DataDir(tmp_path), DataDir(tmp_path)
    first.open(threading.Event())
    with pytest.raises(BrokerStoppedError):
        second.open(cancel)
    first.close()
    second.open(threading.Event())
    second.close()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """`--data-dir` with a typo does not write Kafka's files among someone's own."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    with pytest.raises(BrokerError, match="not a broker's data"):
        DataDir(tmp_path).open(threading.Event())
    assert FileLock(tmp_path / "broker.lock").acquire(0)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """X10: the message says which folder, and why."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError, match=r"the data folder .*file.* cannot be used"):
        DataDir(tmp_path / "file").open(threading.Event())


def test_a_comma_in_a_folders_name_is_refused(tmp_path: Path) -> None:
    """Kafka would take it for two folders, and keep the data in neither."""
    with pytest.raises(BrokerError, match="comma"):
        DataDir(tmp_path / "a,b").open(threading.Event())
    assert not (tmp_path / "a,b").exists()


def test_cluster_ids_are_kafkas() -> None:
    """22 characters of URL-safe base 64 that no command line takes for an option."""
    ids = {new_cluster_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(len(one) == 22 and not one.startswith("-") for one in ids)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    """A broker is told so before Java starts; a free one lies below the kernel's own range."""
    with socket.create_server((LOOPBACK, 0)) as server:
        assert not is_free(server.getsockname()[1])
    port = free_port()
    assert port in PORTS
    assert is_free(port)
