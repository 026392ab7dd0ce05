"""Measures the rules: `python -m tests.evidence [--fleets N] [--seed FIRST] [--write]`.

Each fleet is drawn from its seed, folded in this process and judged as the service judges it. `--write` puts
the table and the picture into deploy/.

Exit codes: 0 all that is wanted is met, 1 something is not, 2 it cannot run.
"""

import argparse
import sys
import time
from pathlib import Path

from tests.evidence.report import figures, markdown
from tests.evidence.run import run

_DEPLOY = Path(__file__).parents[2] / "deploy"
_BEGIN, _END = "<!-- made by `make evidence` -->", "<!-- end -->"


def main() -> int:
    """Run the fleets, print the table, and return the exit code."""
    options = _parse()
    outcomes = []
    for seed in range(options.seed, options.seed + options.fleets):
        began_s = time.monotonic()
        outcome = run(seed)
        outcomes.append(outcome)
        took_s = time.monotonic() - began_s
        notes = "; ".join(outcome.notes) or "all right"
        print(f"seed {seed}: {outcome.events:,} events in {took_s:.0f} s: {notes}", file=sys.stderr)  # noqa: T201 -- progress
    lines = figures(outcomes)
    seeds = f"{options.seed} to {options.seed + options.fleets - 1}"
    events = sum(each.events for each in outcomes)
    text = f"{options.fleets} fleets from the seeds {seeds}, {events:,} events.\n\n{markdown(lines)}"
    print(text)  # noqa: T201 -- the answer
    if options.write:
        _write(text)
        from tests.evidence.plot import draw  # noqa: PLC0415 -- matplotlib is of an extra alone

        draw(outcomes, _DEPLOY / "evidence.png")
    return 1 if any(line.met is False for line in lines) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    parser.add_argument("--fleets", type=int, default=20, help="how many fleets")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first")
    parser.add_argument("--write", action="store_true", help="put the table and the picture into deploy/")
    options = parser.parse_args()
    if options.fleets < 1:
        parser.error("--fleets must be at least 1")
    return options


def _write(text: str) -> None:
    path = _DEPLOY / "evidence.md"
    content = path.read_text(encoding="utf-8")
    before, rest = content.split(_BEGIN)
    after = rest.split(_END)[1]
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
