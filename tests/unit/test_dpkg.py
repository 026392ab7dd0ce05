"""What real logs come to, and what the end of a run means."""

from datetime import UTC
from pathlib import Path

import pytest

from processor.publish.dpkg import RunReader, package_url
from processor.publish.importers.base import Outcome
from schemas import OutcomeType
from schemas.times import format_us
from tests.dpkg_sandbox import SCENARIOS, record, why_not

DATA = Path(__file__).parents[1] / "data" / "dpkg"
S, F, R = OutcomeType.INSTALL_SUCCESS, OutcomeType.INSTALL_FAILURE, OutcomeType.REMOVED_BY_USER

# scenario -> (package, type, context) in order, once the log is known to be complete
EXPECTED: dict[str, list[tuple[str, OutcomeType, str]]] = {
    "install": [("good", S, "install 1")],
    "failing-postinst": [("bad", F, "install 1: half-configured")],
    "failing-preinst": [("bad", F, "install 1: not-installed")],
    "upgrade": [("good", S, "install 1"), ("good", S, "upgrade 1 to 2")],
    "upgrade-rolled-back": [("good", S, "install 1"), ("good", F, "upgrade 1 to 2: rolled back to 1")],
    "upgrade-failing-postinst": [
        ("good", S, "install 1"),
        ("good", F, "upgrade 1 to 2: half-configured"),
        ("good", S, "upgrade 2 to 3"),
    ],
    "reinstall": [("good", S, "install 1"), ("good", S, "upgrade 1 to 1")],
    "dependency-missing": [("needy", F, "install 1: unpacked")],
    "failing-removal": [("before", S, "install 1"), ("after", S, "install 1")],
    "remove": [("good", S, "install 1"), ("good", R, "remove 1")],
    "purge": [("good", S, "install 1"), ("good", R, "remove 1")],
    "remove-and-install-again": [("good", S, "install 1"), ("good", R, "remove 1"), ("good", S, "install 1")],
    "unpack-then-configure": [("good", S, "install 1"), ("other", S, "install 1")],
    "several-at-once": [
        ("worse", F, "install 1: not-installed"),
        ("bad", F, "install 1: half-configured"),
        ("good", S, "install 1"),
        ("bad", F, "configure 1: half-configured"),
    ],
    "conffile-unanswered": [
        ("good", S, "install 1"),
        ("good", F, "upgrade 1 to 2: unpacked"),
        ("good", S, "upgrade 2 to 2"),
    ],
}


def read(log: bytes | str) -> tuple[RunReader[int], list[Outcome[int]]]:
    """Read a whole log; the place of a line is its number."""
    reader: RunReader[int] = RunReader(UTC)
    outcomes = []
    lines = log.encode() if isinstance(log, str) else log
    for number, line in enumerate(lines.splitlines()):
        reader.feed(line, number)
        outcomes += reader.take()
    return reader, outcomes


def finished(log: bytes | str) -> list[Outcome[int]]:
    reader, outcomes = read(log)
    reader.finish()
    return outcomes + reader.take()


def brief(outcomes: list[Outcome[int]], arch: str = "all") -> list[tuple[str, OutcomeType, str]]:
    return [
        (
            o.component_id.removeprefix("pkg:deb/debian/").removesuffix(f"?arch={arch}"),
            o.outcome_type,
            o.context,
        )
        for o in outcomes
    ]


def test_every_scenario_has_an_expectation() -> None:
    """A recorded log without an expectation would test nothing."""
    assert set(EXPECTED) == set(SCENARIOS)


@pytest.mark.parametrize("scenario", EXPECTED)
def test_recorded_log(scenario: str) -> None:
    """What dpkg really wrote comes to what really happened, a failing post-install script among it."""
    assert brief(finished((DATA / f"{scenario}.log").read_bytes())) == EXPECTED[scenario]


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "dpkg works here")
@pytest.mark.parametrize("scenario", EXPECTED)
def test_scenario_played_again(scenario: str, tmp_path: Path) -> None:
    """The dpkg at hand still writes logs that come to the same."""
    assert brief(finished(record(scenario, tmp_path))) == EXPECTED[scenario]


def test_apt_leaves_packages_unpacked_on_purpose() -> None:
    """Packages that apt unpacked in one call and will configure in a later one are not failures."""
    reader, outcomes = read((DATA / "apt-install.log").read_bytes())
    assert {o.outcome_type for o in outcomes} == {S}
    assert brief(outcomes, "amd64") == [
        ("libsystemd0", S, "upgrade 252.36-1~deb12u1 to 252.38-1~deb12u1"),
        ("libudev1", S, "upgrade 252.36-1~deb12u1 to 252.38-1~deb12u1"),
    ]
    assert reader.open_packages == [
        "libgdbm-compat4:amd64",
        "libgdbm6:amd64",
        "libperl5.36:amd64",
        "perl-modules-5.36:all",
        "perl:amd64",
    ]


def test_apt_removes_purges_and_installs() -> None:
    """A purge after its removal is the same removal; triggers say nothing about their packages."""
    _, outcomes = read((DATA / "apt-remove.log").read_bytes())
    kinds = [o.outcome_type for o in outcomes]
    assert (kinds.count(R), kinds.count(S), kinds.count(F)) == (16, 2, 0)
    assert outcomes[-2].component_id == "pkg:deb/debian/nodejs?arch=amd64"
    assert outcomes[-1].context == "install 2.9-1~bpo12+1"
    assert sum("cmake-data" in o.component_id for o in outcomes) == 1


def log(*lines: str) -> str:
    """Write a log from lines that begin with a time of one day."""
    return "".join(f"2026-03-05 {line}\n" for line in lines)


UNPACKED = (
    "10:00:00 startup archives unpack",
    "10:00:00 install a:amd64 <none> 1",
    "10:00:00 status half-installed a:amd64 1",
    "10:00:00 status unpacked a:amd64 1",
)


def test_last_run_is_left_open() -> None:
    """A run that is not finished at the end of the log is left for the next import."""
    reader, outcomes = read(log(*UNPACKED))
    assert outcomes == []
    assert not reader.is_clean


@pytest.mark.parametrize(
    ("startup", "failed"),
    [
        ("10:01:00 startup packages configure", False),
        ("10:01:01 startup packages configure", True),
        ("10:00:01 startup archives unpack", False),
        ("10:00:01 startup archives install", True),
    ],
)
def test_where_a_run_ends(startup: str, failed: bool) -> None:
    """A run goes on for calls at most 60 s apart, and never into a person's own `dpkg -i`."""
    _, outcomes = read(log(*UNPACKED, startup))
    assert brief(outcomes, "amd64") == ([("a", F, "install 1: unpacked")] if failed else [])


def test_apt_stops_at_a_failure() -> None:
    """What is left unpacked in a run in which another package failed has failed with it."""
    text = log(
        *UNPACKED,
        "10:00:00 install b:amd64 <none> 1",
        "10:00:00 status unpacked b:amd64 1",
        "10:00:01 startup packages configure",
        "10:00:01 configure a:amd64 1 <none>",
        "10:00:01 status half-configured a:amd64 1",
        "10:00:05 startup packages configure",
    )
    _, outcomes = read(text)
    assert brief(outcomes, "amd64") == [
        ("b", F, "install 1: unpacked"),
        ("a", F, "install 1: half-configured"),
    ]


def test_retry_after_a_failure() -> None:
    """A failure that is configured later is a failure and then a success."""
    text = log(
        "10:00:00 startup archives install",
        "10:00:00 install a:amd64 <none> 1",
        "10:00:00 status unpacked a:amd64 1",
        "10:00:00 configure a:amd64 1 <none>",
        "10:00:00 status half-configured a:amd64 1",
        "10:09:00 startup packages configure",
        "10:09:00 configure a:amd64 1 <none>",
        "10:09:02 status half-configured a:amd64 1",
        "10:09:03 status installed a:amd64 1",
    )
    reader, outcomes = read(text)
    assert brief(outcomes, "amd64") == [("a", F, "install 1: half-configured"), ("a", S, "configure 1")]
    assert [format_us(o.time_us or 0) for o in outcomes] == [
        "2026-03-05T10:00:00.000000Z",
        "2026-03-05T10:09:03.000000Z",
    ]
    assert reader.is_clean


@pytest.mark.parametrize("state", ["triggers-awaited", "triggers-pending"])
def test_waiting_for_another_packages_trigger(state: str) -> None:
    """A package whose own script worked and that waits for another's trigger is installed."""
    text = log(
        *UNPACKED,
        "10:00:00 startup packages configure",
        "10:00:00 configure a:amd64 1 <none>",
        "10:00:00 status half-configured a:amd64 1",
        f"10:00:00 status {state} a:amd64 1",
        "10:00:01 status installed a:amd64 1",
    )
    assert brief(finished(text), "amd64") == [("a", S, "install 1")]


def test_triggers_and_conffiles_say_nothing() -> None:
    """`trigproc` and `conffile` lines, and the states that follow a trigger, are no outcomes."""
    text = log(
        "10:00:00 startup packages triggers-only",
        "10:00:00 trigproc libc-bin:amd64 2.36 <none>",
        "10:00:00 status half-configured libc-bin:amd64 2.36",
        "10:00:00 status installed libc-bin:amd64 2.36",
        "10:00:00 conffile /etc/with space keep",
    )
    assert finished(text) == []


def test_same_package_of_two_architectures() -> None:
    """Multi-arch packages are components of their own."""
    text = log(
        "10:00:00 startup archives install",
        "10:00:00 install a:amd64 <none> 1",
        "10:00:00 install a:i386 <none> 1",
        "10:00:00 configure a:i386 1 <none>",
        "10:00:00 status installed a:i386 1",
    )
    assert [(o.component_id, o.outcome_type) for o in finished(text)] == [
        ("pkg:deb/debian/a?arch=amd64", F),
        ("pkg:deb/debian/a?arch=i386", S),
    ]


def test_later_purge_is_a_removal() -> None:
    """`purge` on its own, in a later run than the removal, counts as the issue says."""
    text = log(
        "10:00:00 startup packages purge",
        "10:00:00 purge a:amd64 1 <none>",
        "10:00:00 status not-installed a:amd64 <none>",
    )
    assert brief(finished(text), "amd64") == [("a", R, "purge 1")]


@pytest.mark.parametrize(
    ("name", "arch", "url"),
    [
        ("libstdc++6", "amd64", "pkg:deb/debian/libstdc%2B%2B6?arch=amd64"),
        ("perl-modules-5.36", "all", "pkg:deb/debian/perl-modules-5.36?arch=all"),
        ("old", "", "pkg:deb/debian/old"),
    ],
)
def test_package_url(name: str, arch: str, url: str) -> None:
    """Component ids are package URLs, percent-encoded as their specification asks."""
    assert package_url("debian", name, arch) == url
