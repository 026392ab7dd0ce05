"""What is stored, written by today's code from fixed input: `python -m tests.goldens` keeps it for later.

Each folder in `tests/golden` is one version of the encodings: `values` holds what stands on topics and disks,
`schemas` the JSON Schemas. A folder that was released is never written again: whoever changes an encoding
raises CURRENT, and later code must read both. `--check` says whether the current folder is up to date.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from processor.domain import ledger, packing, stats
from processor.domain.control import Control, encode_control, ledger_mark
from processor.domain.totals import Totals
from processor.engine import checkpoints
from processor.publish.bookmark import Mark, open_bookmarks
from processor.publish.encoding import EncodedEvent
from processor.publish.spool import Spool
from processor.serve import snapshot
from processor.tracker import OutcomeTracker
from schemas import ComponentOutcome
from schemas.cofailure import pair_value
from schemas.jsonschema import EXAMPLES_FOLDER, rendered
from schemas.times import from_us

__all__ = ["CURRENT", "FOLDER", "SPOOLED", "values"]

FOLDER = Path(__file__).parent / "golden"
CURRENT = 2

AT_US = 1_767_323_045_000_006
ROW: stats.Stats = (9, 4, 120, 1, AT_US, AT_US + 1, AT_US + 2, (2, AT_US + 3, AT_US + 4, None, False), 2)
LEDGER: ledger.Row = (bytes(range(16)), AT_US, ((AT_US, AT_US + 1, None), (AT_US + 9, AT_US + 9, ("a", "b"))))
MARK = Mark(offset=7, sent=9, events=3, carry={"last_us": 1}, last=(5, "ab"))
SPOOLED = EncodedEvent(b"host", b'{"component_id":"a"}')
HEAD = snapshot.Head("cluster", {"component-stats": [3, 4]}, 1_767_323_045_000)
CONTROL = Control(
    UUID(int=7),
    0,
    b"host",
    ledger_mark(LEDGER),
    may_be_gone=False,
    forget=False,
    sessions=LEDGER[2],
    taken_back=(("a", (0, -1, 0, 0, AT_US, None, AT_US, None, -1), ([490923, 0, -1, 0, 0], [])),),
    pair_changes=((("a", "b"), -1),),
    totals=Totals(install_failures=-1),
)


def values() -> dict[str, bytes]:
    """Return each stored encoding by its file's name."""
    ((_, deltas),) = packing.pack_deltas({"a": ROW}, {}, 1, 1_000_000)
    ((_, taken_back),) = packing.pack_taken_back(CONTROL.taken_back, 1, 1_000_000)
    ((_, pairs),) = packing.pack_pairs({("a", "b"): -1}, 1, 1_000_000)
    return {
        "host-ledger": ledger.encode(LEDGER),
        "component-deltas": deltas,
        "component-deltas-taken-back": taken_back,
        "pair-deltas": pairs,
        "component-stats": stats.to_json("a", ROW),
        "co-failures": pair_value("a", "b", 3),
        "checkpoint": checkpoints.checkpoint_value(42),
        "layout": checkpoints.layout_value({"partitions": 4, "ledger_version": 1}),
        "control": encode_control(CONTROL, b"")[0],
        "correction": orjson.dumps(
            orjson.loads((EXAMPLES_FOLDER / "corrections.json").read_bytes())["value"]
        ),
        "event": ComponentOutcome(
            component_id="a", outcome_type="install_failure", timestamp=from_us(AT_US), host_id="host"
        )
        .model_dump_json()
        .encode(),
        **_files(),
    }


def _example(name: str) -> dict[str, Any]:
    example: dict[str, Any] = orjson.loads((EXAMPLES_FOLDER / f"{name}.json").read_bytes())
    return example


def _files() -> dict[str, bytes]:
    """Return what stands on disks."""
    folder = Path(tempfile.mkdtemp())
    try:
        tracker = OutcomeTracker(outcomes={"a": stats.to_model("a", ROW)})
        tracker.save(folder / "tracker")
        snapshot.write(folder / "snapshot", HEAD, [stats.to_json("a", ROW), pair_value("a", "b", 3)])
        with open_bookmarks(folder, "cluster", "topic", "host") as bookmarks:
            bookmarks.put({"file": MARK})
        spool = Spool(folder / "spool", 1_000_000, {"topic": "outcome-events"})
        spool.append([SPOOLED])
        spool.close()
        (bookmark,) = folder.glob("dpkg-*.json")
        found = {name: (folder / name).read_bytes() for name in ("tracker", "snapshot", "spool")}
        return {**found, "bookmark": bookmark.read_bytes()}
    finally:
        shutil.rmtree(folder)


def main(arguments: list[str]) -> int:
    """Write the current folder, or compare it; SQLite's own bytes are never compared.

    Returns:
        0 done, 1 something is not current.
    """
    folder = FOLDER / str(CURRENT)
    wanted = {f"values/{name}": content for name, content in values().items()}
    wanted |= {f"schemas/{name}": content for name, content in rendered().items()}
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*")}
    stale = sorted(
        name
        for name in wanted.keys() | found.keys()
        if wanted.get(name) != found.get(name) and not (name == "values/spool" and name in found)
    )
    if "--check" in arguments:
        sys.stdout.writelines(f"{name} is not current: run python -m tests.goldens\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        path = folder / name
        path.unlink(missing_ok=True)
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
