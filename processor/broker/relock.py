"""`python -m processor.broker.relock` writes the lock file again: change the versions here, run it, test.

It asks the Maven repository for the whole tree of what `WANTED` needs at run time, fetches every jar
once and writes down what it got.
"""

import sys
import tempfile
from pathlib import Path

from processor.broker.lockfile import LOCK_PATH, Jar, format_lock, sha256_of
from processor.broker.maven import maven_context

__all__ = ["WANTED", "main", "resolve"]

# Kafka 4.3.1 forgets, when it comes back after a crash, to finish transactions that were decided before
# (tests/faults/test_decided_transactions.py); slf4j-simple: without a binding Kafka's failures are silent.
WANTED = ("org.apache.kafka:kafka_2.13:4.2.2", "org.slf4j:slf4j-simple:1.7.36")

_RUN_TIME_SCOPES = ("compile", "runtime", None)


def resolve(wanted: tuple[str, ...] = WANTED) -> list[Jar]:
    """Return every jar that the wanted ones need, with what their bytes hash to.

    Raises:
        NotInstalledError: jgo is not there.
    """
    with tempfile.TemporaryDirectory(prefix="fleetfold-relock-") as folder:
        context = maven_context(Path(folder), on_bytes=lambda _count: None)
        roots = [context.create_dependency(coordinate) for coordinate in wanted]
        inputs, transitive = context.resolver.resolve(roots)
        needed = [*inputs, *(one for one in transitive if one.scope in _RUN_TIME_SCOPES)]
        jars = []
        for dependency in needed:
            path = dependency.artifact.resolve()
            sys.stderr.write(f"{dependency.artifact}\n")
            jars.append(
                Jar(
                    group=dependency.groupId,
                    artifact=dependency.artifactId,
                    version=dependency.version,
                    sha256=sha256_of(path),
                    size_bytes=path.stat().st_size,
                )
            )
    return sorted(jars)


def main() -> None:
    """Write `kafka.lock.toml` beside this module."""
    jars = resolve()
    LOCK_PATH.write_text(format_lock(jars), encoding="utf-8")
    total_mb = sum(jar.size_bytes for jar in jars) / 1e6
    sys.stderr.write(f"{LOCK_PATH.name}: {len(jars)} jars, {total_mb:.0f} MB\n")


if __name__ == "__main__":
    main()
