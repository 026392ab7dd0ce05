"""A real Apache Kafka node, for the demo, the tests and a first try; nothing but pip needed.

It is durable as any Kafka is: what it acknowledged outlives its own SIGKILL (not a power cut).
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from processor.broker.config import Member, Seat, broker_properties, jvm_flags, render_properties
from processor.broker.datadir import DataDir, new_cluster_id
from processor.broker.errors import BrokerError, BrokerFailedError, BrokerStoppedError, PortTakenError
from processor.broker.jars import default_cache_dir, ensure_jars
from processor.broker.jvm import GuardedJvm, java_path
from processor.broker.lockfile import read_lock
from processor.broker.ports import LOOPBACK, free_port, is_free
from processor.broker.progress import OnProgress, StartProgress, ignore_progress

__all__ = ["EmbeddedKafka"]

_READY = b"Kafka Server started"
_POLL_S = 0.02
_START_ATTEMPTS = 3  # a port that was free when we looked may be taken when Kafka listens
_FORMAT_TIMEOUT_S = 60.0
_ADDRESS_IN_USE = "Address already in use"


class EmbeddedKafka:
    """One broker, in a JVM that never outlives this process.

    Args:
        data_dir: keeps the data over restarts; None: a scratch folder that `stop` removes.
        port: for clients, on 127.0.0.1; None: any free one from 20000 to 31999. `restart` keeps it.
        extra_config: broker properties laid over ours.
        format_args: more arguments for Kafka's `StorageTool format`, such as `--add-scram`.
        heap_mb: the JVM's largest heap.
        on_progress: told what a start is doing; called from the thread that runs `start`.
        seat: its place among several nodes, with its ports; None: it is alone. A node is ready once most are.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        port: int | None = None,
        extra_config: Mapping[str, str] = {},  # a Mapping cannot be changed
        format_args: Sequence[str] = (),
        heap_mb: int = 256,
        on_progress: OnProgress = ignore_progress,
        seat: Seat | None = None,
    ) -> None:
        self._wanted_dir = data_dir
        self._seat = seat
        self._wanted_port = port = seat.me.port if seat else port
        self._extra_config = dict(extra_config)
        self._format_args = tuple(format_args)
        self._heap_mb = heap_mb
        self._on_progress = on_progress
        self._cancel = threading.Event()
        self._busy = threading.RLock()  # one start or stop at a time, from whichever thread
        self._port = port
        self._data: DataDir | None = None
        self._jvm: GuardedJvm | None = None
        self._log_start = 0

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT` for clients; known from the first start on."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def port(self) -> int:
        """The clients' port; known from the first start on."""
        if self._port is None:
            raise BrokerError("the broker has no port before its start")
        return self._port

    @property
    def pid(self) -> int:
        """The JVM's process id."""
        if self._jvm is None:
            raise BrokerError("the broker does not run")
        return self._jvm.pid

    @property
    def data_dir(self) -> Path:
        """Where the data lies."""
        return self._folder.path

    @property
    def log(self) -> Path:
        """The broker's log file."""
        return self._folder.log

    @property
    def cluster_id(self) -> str:
        """The id that the data was formatted with."""
        return self._folder.cluster_id()

    def start(self, timeout_s: float = 60.0) -> None:
        """Start and return when clients can use it; the first start on a machine fetches the jars.

        Args:
            timeout_s: for Kafka itself, after fetching and formatting.

        Raises:
            NotInstalledError: the extra `fleetfold[broker]` is missing.
            JarsError: the jars cannot be fetched, or are not those of the lock file.
            DataDirInUseError: another broker has the data folder.
            PortTakenError: the port that was asked for is taken.
            BrokerFailedError: Kafka ended or was not ready in time; holds the end of its log.
            BrokerStoppedError: `stop` was called meanwhile, in another thread.
        """
        with self._busy:
            if self.running():
                return
            self._end_jvm(b"s")  # one that ended by itself leaves its guard and the lock to collect
            self._cancel.clear()
            had_data = self._data is not None
            java = java_path()
            jars = ensure_jars(read_lock(), default_cache_dir(), self._on_progress, self._cancel)
            command = [str(java), *jvm_flags(self._heap_mb), "-cp", os.pathsep.join(map(str, jars))]
            try:
                self._open_folder()
                self._format(command)
                self._start_on_a_port(command, timeout_s)
            except BaseException:
                self._end_jvm(b"s")
                if not had_data:
                    self._remove_scratch()
                raise

    def stop(self) -> None:
        """Stop cleanly, with SIGTERM; a scratch folder is removed. Does nothing when stopped."""
        self._cancel.set()
        with self._busy:
            self._end_jvm(b"s")
            self._remove_scratch()

    def kill(self) -> None:
        """Kill the JVM with SIGKILL, as a crash would; the data stays, for `start` or `restart`."""
        with self._busy:
            self._end_jvm(b"k")

    def restart(self, timeout_s: float = 60.0) -> None:
        """Start again on the same data and port, after a clean stop if it runs. Raises as `start`."""
        with self._busy:
            self._end_jvm(b"s")
            self.start(timeout_s)

    def wait(self) -> None:
        """Wait until another thread stops the broker.

        Raises:
            BrokerFailedError: Kafka ended by itself; holds the end of its log.
        """
        jvm = self._jvm
        if jvm is not None:
            jvm.wait()
            if not self._cancel.is_set():
                raise self._failed("Kafka ended by itself")

    def running(self) -> bool:
        """Return whether the JVM runs."""
        return self._jvm is not None and self._jvm.alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _folder(self) -> DataDir:
        if self._data is None:
            raise BrokerError("the broker has no data folder before its start")
        return self._data

    def _open_folder(self) -> None:
        if self._data is None:
            path = self._wanted_dir or Path(tempfile.mkdtemp(prefix="fleetfold-kafka-"))
            self._data = DataDir(path.absolute())
        self._data.open(self._cancel)
        self._log_start = self._data.log.stat().st_size

    def _format(self, command: Sequence[str]) -> None:
        """Give a new data folder its cluster id and Kafka's feature levels; a formatted one is left."""
        if self._folder.formatted():
            return
        self._on_progress(StartProgress("format"))
        fresh = self._folder.fresh()
        nowhere = Member(node_id=1, port=1, controller_port=2)  # ports play no part in formatting
        self._write_properties(self._seat.me if self._seat else nowhere, fresh)
        cluster_id = self._seat.cluster_id if self._seat else new_cluster_id()
        arguments = ["format", "-t", cluster_id, "-c", str(self._folder.properties), *self._format_args]
        tool = self._guarded([*command, "kafka.tools.StorageTool", *arguments])
        try:
            code = tool.wait(_FORMAT_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise self._failed(f"formatting took more than {_FORMAT_TIMEOUT_S:.0f} s") from error
        finally:
            tool.end(b"k")
        if code != 0:
            raise self._failed("formatting the data folder failed")
        self._folder.adopt(fresh)

    def _start_on_a_port(self, command: Sequence[str], timeout_s: float) -> None:
        for attempt in range(1, _START_ATTEMPTS + 1):
            member = self._choose_ports()
            self._write_properties(member, self._folder.kafka)
            self._on_progress(StartProgress("start"))
            try:
                self._launch([*command, "kafka.Kafka", str(self._folder.properties)], timeout_s)
            except BrokerFailedError as error:
                if _ADDRESS_IN_USE not in str(error) or attempt == _START_ATTEMPTS:
                    raise
                self._end_jvm(b"k")
                self._open_folder()
            else:
                return

    def _choose_ports(self) -> Member:
        """Return the ports for a start; the clients' one stays what it was unless it was ours to choose."""
        if self._port is None or (self._wanted_port is None and not is_free(self._port)):
            self._port = free_port()
        if not is_free(self._port):
            raise PortTakenError(f"port {self._port} on {LOOPBACK} is taken by another program")
        if self._seat is not None:
            return self._seat.me
        return Member(node_id=1, port=self._port, controller_port=free_port(frozenset({self._port})))

    def _write_properties(self, member: Member, log_dir: Path) -> None:
        members = self._seat.members if self._seat else (member,)
        properties = broker_properties(member, members, log_dir, self._extra_config)
        self._folder.properties.write_text(render_properties(properties), encoding="ascii")
        self._folder.properties.chmod(0o600)  # it may hold passwords

    def _launch(self, command: Sequence[str], timeout_s: float) -> None:
        """Start the JVM and wait for the line that says it serves."""
        self._log_start = self._folder.log.stat().st_size
        jvm = self._jvm = self._guarded(command)
        deadline_s = time.monotonic() + timeout_s
        with self._folder.log.open("rb") as log:
            log.seek(self._log_start)
            tail = b""
            while _READY not in tail:
                if not jvm.alive():
                    raise self._failed("Kafka ended while starting")
                if time.monotonic() >= deadline_s:
                    raise self._failed(f"Kafka was not ready within {timeout_s:.0f} s")
                if self._cancel.wait(_POLL_S):
                    raise BrokerStoppedError("stopped while starting")
                tail = tail[-len(_READY) :] + log.read()

    def _guarded(self, command: Sequence[str]) -> GuardedJvm:
        scratch = None if self._wanted_dir else self._folder.path
        return GuardedJvm(command, self._folder.log, self._folder.lock_fd, scratch)

    def _end_jvm(self, wish: bytes) -> None:
        """End the JVM if there is one, then give the data folder back."""
        if self._jvm is not None:
            self._jvm.end(wish)
            self._jvm = None
        if self._data is not None:
            self._data.close()

    def _remove_scratch(self) -> None:
        if self._data is not None and self._wanted_dir is None:
            shutil.rmtree(self._data.path)
            self._data = None

    def _failed(self, what: str) -> BrokerFailedError:
        lines = self._folder.last_log_lines(self._log_start) or "  (nothing was logged)"
        return BrokerFailedError(f"{what}; its log {self._folder.log} ends with:\n{lines}")
