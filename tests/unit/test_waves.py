"""S4: never more of a host's events on their way than a resend may repeat."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from processor.publish.encoding import EncodedEvent
from processor.publish.spool import Spool
from processor.publish.waves import HOST_UNACKNOWLEDGED_MAX, WAVE_EVENTS, Wave


@given(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=150))
def test_a_wave_ends_before_a_hosts_33rd_event(hosts: list[bytes]) -> None:
    """S4: a wave is the longest beginning with at most 32 of each host."""
    wave = Wave()
    taken = next((n for n, host in enumerate(hosts) if not wave.takes(host)), len(hosts))
    assert len(wave) == taken
    assert all(hosts[:taken].count(host) <= HOST_UNACKNOWLEDGED_MAX for host in set(hosts))
    assert taken == len(hosts) or hosts[: taken + 1].count(hosts[taken]) == HOST_UNACKNOWLEDGED_MAX + 1


def test_a_wave_is_bounded() -> None:
    """However many hosts there are, a wave has an end."""
    wave = Wave()
    assert sum(wave.takes(b"%d" % number) for number in range(WAVE_EVENTS + 5)) == WAVE_EVENTS


def test_what_waits_is_sent_in_waves(tmp_path: Path) -> None:
    """S4: the spool's first wave has at most 32 of a host, in order."""
    spool = Spool(tmp_path / "s.sqlite", 1_000_000)
    spool.append([EncodedEvent(b"ab"[n % 2 : n % 2 + 1], b"%d" % n) for n in range(100)])
    assert [one.event.value for one in spool.first_wave()] == [b"%d" % n for n in range(64)]
    spool.remove_to(spool.first_wave()[-1].seq)
    assert len(spool.first_wave()) == 36
