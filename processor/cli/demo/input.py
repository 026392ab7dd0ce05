"""What the demo folds: this machine's own package log, which is real, and a fleet, which is made up."""

import time
from dataclasses import dataclass
from pathlib import Path

from processor.cli.common import progress
from processor.errors import FleetfoldError
from processor.publish.bookmark import Bookmarks
from processor.publish.fleet import FleetPlan, Planted, plant
from processor.publish.host import HostError, distribution_of, host_id_from
from processor.publish.importer import ImportSummary, read_chunks, send_chunks
from processor.publish.importers.base import Source
from processor.publish.importers.dpkg import DpkgImporter
from processor.publish.logfiles import find_logs
from processor.publish.publisher import EventPublisher
from processor.publish.simulate import simulate
from processor.publish.zone import zone_of

__all__ = ["Published", "publish_fleet", "publish_own_log"]

_LOG_DIR = Path("/var/log")
_HOST_WITHOUT_ID = "this-machine"


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: how many events are real, of which host, and what was planted in the rest.

    `why_no_log` says why there is nothing real, and is "" when there is.
    """

    real_events: int
    host_id: str
    why_no_log: str
    plan: FleetPlan
    planted: Planted

    @property
    def events(self) -> int:
        """All events."""
        return self.real_events + self.plan.events


async def publish_own_log(publisher: EventPublisher, folder: Path = _LOG_DIR) -> tuple[int, str, str]:
    """Publish the outcomes of the folder's dpkg logs.

    The bookmark is kept in memory: each demo has a Kafka of its own, and gets all of the log.

    Returns:
        How many events, the host id, and why there were none ("" when there were).

    Raises:
        PublishError: the events were not acknowledged.
    """
    try:
        host_id = host_id_from()
    except HostError:
        host_id = _HOST_WITHOUT_ID
    summary = ImportSummary()
    try:
        importer, source = DpkgImporter(), Source(host_id, zone_of(None), distribution_of())
        chunks = list(read_chunks(find_logs([folder], importer), importer, source, Bookmarks(), summary))
    except FleetfoldError as error:  # no dpkg here, or no right to read its log: the demo goes on without
        return 0, host_id, str(error)
    with progress("publishing this machine's own package log", sum(len(c.events) for c in chunks)) as bar:
        await send_chunks(chunks, publisher.send_many, Bookmarks(), summary, bar.advance)
    return summary.sent, host_id, "" if summary.sent else f"no finished outcome in {folder}"


async def publish_fleet(publisher: EventPublisher, events: int) -> tuple[FleetPlan, Planted]:
    """Publish a simulated fleet that ends now.

    Returns:
        The fleet, and what is hidden in it.

    Raises:
        PublishError: the events were not acknowledged.
    """
    plan = FleetPlan(events=events)
    planted = plant(plan)
    with progress("publishing a simulated fleet", plan.events) as bar:
        stream = simulate(plan, time.time_ns() // 1_000, planted)
        await publisher.send_encoded(stream, bar.advance)
    return plan, planted
