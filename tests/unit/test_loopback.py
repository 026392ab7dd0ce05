"""Which Host headers name this machine: the guard against web pages that bring a name of their own."""

import pytest

from processor.loopback import LoopbackHosts, is_loopback

OURS = (
    b"localhost",
    b"LOCALHOST:8090",
    b"localhost:",
    b"127.0.0.1:8080",
    b"127.9.9.9",
    b"[::1]",
    b"[::1]:8080",
    b"[0:0:0:0:0:0:0:1]:1",
)
NOT_OURS = (
    b"",
    b":8080",
    b"evil.example",
    b"evil.example:8080",
    b"127.0.0.1.evil.example",
    b"localhost.evil.example",
    b"evil_name.example",
    b"localhost:evil.example",
    b"localhost:80:80",
    b"localhost:123456",
    b"localhost@evil.example",
    b"evil.example#localhost",
    b"localhost, evil.example",
    b" localhost",
    b"localhost\n",
    b"10.0.0.1",
    b"0.0.0.0",
    b"127.1",
    b"2130706433",
    b"::1",
    b"[::1",
    b"[bad",
    b"[::1]evil.example",
    b"[::1]:evil.example",
    b"[127.0.0.1]",
    b"[localhost]",
    b"[::2]",
    b"[::1%25lo]",
    "localhost\u00e9".encode("latin-1"),
)


@pytest.mark.parametrize("header", OURS)
def test_a_name_of_loopback_is_ours(header: bytes) -> None:
    """The names by which people and their tools call this machine, with a port or without."""
    hosts = LoopbackHosts()
    assert hosts.ours(header)
    assert hosts.ours(header)  # remembered


@pytest.mark.parametrize("header", NOT_OURS)
def test_any_other_name_is_not(header: bytes) -> None:
    """A web page's own name, whatever it is made up to look like, and what is no name at all."""
    hosts = LoopbackHosts()
    assert not hosts.ours(header)
    assert not hosts.ours(header)  # nor the second time


def test_a_forger_fills_no_memory() -> None:
    """Only a few headers are remembered, however many spellings of loopback there are."""
    hosts = LoopbackHosts()
    assert all(hosts.ours(b"127.0.0.1:%d" % port) for port in range(1000))
    assert len(hosts._ours) <= 16


@pytest.mark.parametrize(
    ("name", "ours"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("", False)],
)
def test_where_a_service_may_listen_without_tokens(name: str, ours: bool) -> None:
    """An address that others can reach is none of loopback, and neither is the one for all addresses."""
    assert is_loopback(name) is ours
