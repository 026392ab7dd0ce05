"""An installer that reports without end, and says of each event, once it is accepted, its id and where it is.

`python -m tests.faults.reporter BOOTSTRAP PREFIX STATE_DIR NAME`; it is there to be killed.
"""

import sys
from collections import deque
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from processor.publish.client import BlockingPublisher, Limits
from processor.settings import Settings

if TYPE_CHECKING:
    from processor.publish.receipt import Receipt

HOSTS = 3
UNDER_WAY = 60


def main(bootstrap: str, prefix: str, state_dir: str, name: str) -> None:
    """Report failures and successes of some hosts, of which each publisher of the machine has the same."""
    settings = Settings(bootstrap=bootstrap, topic_prefix=prefix)
    limits = Limits(patience_s=1.0)
    publisher = BlockingPublisher(settings, state_dir=Path(state_dir), limits=limits, plain_host=True)
    under_way: deque[Receipt] = deque()
    for number in count():
        kind = "install_failure" if number % 4 == 0 else "install_success"
        host = f"host-{number % HOSTS}"
        under_way.append(publisher.record(f"{name}-{number % 7}", kind, host_id=host))
        if len(under_way) == UNDER_WAY:
            receipt = under_way.popleft()
            receipt.wait()
            assert receipt.accepted, receipt
            print(receipt.event_id, receipt.status, flush=True)  # noqa: T201 -- the test's pipe


if __name__ == "__main__":
    main(*sys.argv[1:])
