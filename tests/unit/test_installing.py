"""Code that installs reports by itself, and behaves as if nobody watched."""

import asyncio
import sys

import pytest

from processor.publish.installing import Installing


class Reports:
    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []

    def installing(self, component_id: str = "c", context: str = "") -> Installing:
        return Installing(lambda *event: self.said.append(event), component_id, context)


def test_success_and_failure() -> None:
    """A block that ends is a success; one that raises is a failure with type and message, and raises on."""
    reports = Reports()
    with reports.installing("good", "took 3 s"):
        pass
    with pytest.raises(ValueError, match="no wheel"), reports.installing("bad"):
        raise ValueError("no wheel")
    with pytest.raises(KeyError), reports.installing("worse"):
        raise KeyError
    assert reports.said == [
        ("good", "install_success", "took 3 s"),
        ("bad", "install_failure", "ValueError: no wheel"),
        ("worse", "install_failure", "KeyError"),
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "install_success"), (None, "install_success"), (3, "install_failure"), ("no", "install_failure")],
)
def test_exit(code: object, said: str) -> None:
    """`sys.exit(0)` in an installer is its way to succeed, any other code its way to fail."""
    reports = Reports()
    with pytest.raises(SystemExit), reports.installing():
        sys.exit(code)  # type: ignore[arg-type]  # what sys.exit takes at run time
    assert [event[1] for event in reports.said] == [said]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
def test_what_says_nothing_of_the_component(kind: type[BaseException]) -> None:
    """Somebody who presses Ctrl-C has not found a broken package."""
    reports = Reports()
    with pytest.raises(kind), reports.installing():
        raise kind
    assert reports.said == []


async def test_decorated_functions() -> None:
    """Plain functions and coroutine functions keep name, arguments and result, and are reported each time."""
    reports = Reports()

    @reports.installing("f")
    def plain(a: int, *, b: int) -> int:
        return a + b

    @reports.installing("g")
    async def later(a: int) -> int:
        await asyncio.sleep(0)
        if a:
            raise OSError("disk full")
        return a

    assert plain(1, b=2) == plain(2, b=1) == 3
    assert await later(0) == 0
    with pytest.raises(OSError, match="disk full"):
        await later(1)
    assert (plain.__name__, later.__name__) == ("plain", "later")
    assert [event[:2] for event in reports.said] == [
        ("f", "install_success"),
        ("f", "install_success"),
        ("g", "install_success"),
        ("g", "install_failure"),
    ]


async def test_async_with() -> None:
    """`async with` works too."""
    reports = Reports()
    async with reports.installing():
        await asyncio.sleep(0)
    assert [event[1] for event in reports.said] == ["install_success"]


def test_a_report_that_fails_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A publisher's defect is logged; the installer's result stands, and its exception too."""

    def broken(*_event: str) -> None:
        raise RuntimeError("broken")

    with Installing(broken, "c"):
        pass
    with pytest.raises(ValueError, match="own"), Installing(broken, "c"):
        raise ValueError("own")
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_an_exception_without_a_readable_message() -> None:
    """An exception class whose `__str__` is broken still gives its type."""

    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    reports = Reports()
    with pytest.raises(BadError), reports.installing():
        raise BadError
    assert reports.said == [("c", "install_failure", "BadError")]
