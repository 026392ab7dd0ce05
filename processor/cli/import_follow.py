"""`fleetfold import --follow`: one small import after the other, until it is told to stop.

A Kafka that is away is waited for: nothing is lost, since the bookmark stands where it stood.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from processor.cli.common import console, err_console, harmless, print_json
from processor.cli.import_report import as_dict, complain_of
from processor.errors import KafkaUnavailableError
from processor.publish.bookmark import Bookmarks, open_bookmarks
from processor.publish.chunks import Chunk
from processor.publish.core import spool_for
from processor.publish.follow import Follower
from processor.publish.importer import ImportSummary, read_chunks, send_chunks
from processor.publish.importers.base import Importer, Source
from processor.publish.importers.registry import Installed, rivals_of
from processor.publish.logfiles import LogFileError
from processor.publish.publisher import EventPublisher, PublishError, open_publisher
from processor.settings import Settings

__all__ = ["follow_files"]

_LOOK_EVERY_S = 0.5
_GRACE_S = 5.0
_WAIT_LEAST_S = 1.0
_WAIT_MOST_S = 60.0


async def follow_files(
    settings: Settings,
    paths: Sequence[Path],
    importer: Importer,
    known: Mapping[str, Installed],
    source: Source,
    state_dir: Path,
    *,
    as_json: bool,
) -> None:
    """Send what is there and what is written later, until SIGTERM or SIGINT.

    Raises:
        FleetfoldError: a file, a bookmark or the Kafka cannot be used, at the start; later, a Kafka that
            does not answer is waited for.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    follower = Follower(paths, importer, known)
    run = _Following(follower, importer, source, stop, as_json=as_json)
    rivals = rivals_of(importer, known)
    wait_s = _WAIT_LEAST_S
    while not stop.is_set():
        run.works = False
        try:
            await _unless_stopped(run.attempt(settings, state_dir, rivals), stop)
        except (PublishError, KafkaUnavailableError) as error:
            if not run.passes:
                raise
            wait_s = _WAIT_LEAST_S if run.works else wait_s
            follower.forget()
            err_console.print(harmless(f"{error}; next attempt in {wait_s:g} s"), style="yellow")
            await _sleep(stop, wait_s)
            wait_s = min(wait_s * 2, _WAIT_MOST_S)
    if not as_json:
        console.print(f"stopped; sent {run.sent:,} events")


class _Following:
    """Import after import; `works` says whether the attempt under way has done one."""

    def __init__(
        self, follower: Follower, importer: Importer, source: Source, stop: asyncio.Event, *, as_json: bool
    ) -> None:
        self._follower = follower
        self._importer = importer
        self._source = source
        self._stop = stop
        self._as_json = as_json
        self._trouble = ""
        self.works = False
        self.passes = 0
        self.sent = 0

    async def attempt(self, settings: Settings, state_dir: Path, rivals: Sequence[str]) -> None:
        """Follow with one publisher and one bookmark until it is told to stop."""
        async with open_publisher(settings, spool=spool_for(settings, state_dir)) as publisher:
            await publisher.send_waiting()
            place = (publisher.cluster_id, publisher.topic, self._source.host_id)
            with open_bookmarks(state_dir, *place, self._importer.name, rivals) as bookmarks:
                while not self._stop.is_set():
                    await self._pass(publisher, bookmarks)
                    if publisher.trouble:  # what it could not send waits in the spool: connect anew
                        raise PublishError(publisher.trouble)
                    self.works = True
                    await _sleep(self._stop, _LOOK_EVERY_S)

    async def _pass(self, publisher: EventPublisher, bookmarks: Bookmarks) -> None:
        summary = ImportSummary()
        try:
            if logs := self._follower.changed(bookmarks):
                chunks = read_chunks(logs, self._importer, self._source, bookmarks, summary)
                await send_chunks(self._until_stopped(chunks), publisher.send_many, bookmarks, summary)
            self._trouble = ""
        except LogFileError as error:  # a file that is being rotated, or is not ours to read for a while
            if not self.passes:
                raise
            self._follower.forget()
            if str(error) != self._trouble:
                err_console.print(harmless(str(error)), style="yellow")
            self._trouble = str(error)
        finally:
            self.sent += summary.sent
        if summary.sent or summary.unreadable or not self.passes:
            self._tell(summary)
        self.passes += 1

    def _until_stopped(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            if self._stop.is_set():
                return
            yield chunk

    def _tell(self, summary: ImportSummary) -> None:
        if self._as_json:
            print_json(as_dict(summary, self._importer.name, self._source))
            sys.stdout.flush()  # whoever reads it waits for it
            return
        what = ", ".join(f"{name}: {count:,}" for name, count in sorted(summary.by_type.items()))
        console.print(f"sent {summary.sent:,} events" + (f" ({what})" if what else ""))
        complain_of(summary)


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Do the work; once it is told to stop, the work has a few seconds to end, and is then given up."""
    doing, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({doing, stopped}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({doing}, timeout=_GRACE_S)
    stopped.cancel()
    if not doing.done():
        doing.cancel()  # what was sent and not marked has the same event ids the next time
        await asyncio.wait({doing})
    if not doing.cancelled():
        doing.result()


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until it is told to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
