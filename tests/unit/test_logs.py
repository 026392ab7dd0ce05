"""What is logged: one line an event, in UTC, harmless, and without the noise of the libraries."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from processor.logs import LogFormat, message_of, quiet_clients, relayed, set_up_logging

OURS = logging.getLogger("processor.engine.engine")
CLIENT = logging.getLogger("aiokafka.consumer.group_coordinator")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Put the process's logging back as pytest had it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


def logged_to(log_format: LogFormat, level: str = "INFO") -> io.StringIO:
    stream = io.StringIO()
    set_up_logging(level, log_format, stream)
    return stream


def test_text_is_one_line_with_time_level_and_fields() -> None:
    """A line of text holds the time in UTC, the level, the event and its fields; no colours in a file."""
    stream = logged_to("text")
    OURS.info("read %d records", 3, extra={"partitions": "events[0]"})
    (line,) = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[info +\] read 3 records partitions=events\[0\]", line
    )


def test_json_is_one_object_a_line() -> None:
    """A machine gets the event and its fields by name, the detail too."""
    stream = logged_to("json")
    OURS.warning("two\nlines", extra={"offset": 7, "detail": {"new": "events[0]"}})
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "event": "two\nlines",
        "level": "warning",
        "logger": OURS.name,
        "offset": 7,
        "detail": {"new": "events[0]"},
    }


def test_detail_is_left_out_of_text() -> None:
    """What the event's words say is not said twice."""
    stream = logged_to("text")
    OURS.info("assigned events[0]", extra={"detail": {"new": "events[0]"}})
    assert stream.getvalue().count("events[0]") == 1


def test_text_is_harmless() -> None:
    """X9: no id in a line can move the cursor, turn the text around or begin another line."""
    stream = logged_to("text")
    OURS.info("bad \x1b[2J\u202e\n%s", "id\r", extra={"field": "\x1b\n\u202e x"})
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().rstrip("\n").isprintable()


def test_a_traceback_is_kept() -> None:
    """An error's cause is shown, in both forms."""
    for log_format in ("text", "json"):
        stream = logged_to(log_format)
        OURS.error("failed", exc_info=ValueError("the cause"))
        assert "ValueError: the cause" in stream.getvalue()


def test_libraries_are_heard_from_warning_on() -> None:
    """The Kafka client and Faust tell each step at INFO: only their warnings are shown, with a name."""
    stream = logged_to("text")
    CLIENT.info("joined")
    logging.getLogger("mode.services").info("started")
    CLIENT.warning("heartbeat failed")
    (line,) = stream.getvalue().splitlines()
    assert "heartbeat failed" in line
    assert CLIENT.name in line


def test_the_error_of_every_first_start_is_not_shown() -> None:
    """A group's first member asks before the broker is ready; the client mends it by itself."""
    stream = logged_to("text")
    CLIENT.error("Group Coordinator Request failed: %s", "[Error 15] GroupCoordinatorNotAvailableError")
    assert stream.getvalue() == ""


def test_services_are_not_heard_twice() -> None:
    """What the services of Faust log under our names, steps and crashes, the engine tells of itself."""
    stream = logged_to("text")
    OURS.info("[^BatchApp]: Starting...")
    OURS.error("[^---Agent*: intake]: Crashed reason=%r", ValueError("x"))
    OURS.warning("[^BatchApp]: slow")
    (line,) = stream.getvalue().splitlines()
    assert "slow" in line


def test_debug_shows_everything() -> None:
    """Whoever asks for DEBUG gets the libraries' steps too, and nothing is dropped."""
    stream = logged_to("text", "DEBUG")
    CLIENT.info("joined")
    CLIENT.error("Group Coordinator Request failed: %s", "x")
    with quiet_clients():
        CLIENT.debug("still here")
    assert len(stream.getvalue().splitlines()) == 3


def test_clients_are_quiet_while_we_speak_for_them() -> None:
    """X10: with no broker our line is the only one; afterwards the client is heard again."""
    stream = logged_to("text")
    with quiet_clients():
        logging.getLogger("aiokafka").error("Unable connect to somewhere")
    assert stream.getvalue() == ""
    logging.getLogger("aiokafka").error("heard")
    assert "heard" in stream.getvalue()


def test_two_at_a_time_keep_the_client_quiet_no_longer_than_both() -> None:
    """Of two that connect at once the second to end had made the first one's silence last for ever."""
    stream = logged_to("text")
    first, second = quiet_clients(), quiet_clients()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    logging.getLogger("aiokafka").error("not heard")
    second.__exit__(None, None, None)
    assert stream.getvalue() == ""
    logging.getLogger("aiokafka").error("heard")
    assert "heard" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_workers_line_gets_its_number(log_format: LogFormat) -> None:
    """The supervisor shows a worker's line with the worker's own time, and which worker it was."""
    stream = logged_to("json")
    OURS.error("fenced", extra={"offset": 7})
    line = stream.getvalue().rstrip("\n")
    shown = relayed(log_format)(line, 3)
    assert json.loads(line)["timestamp"] in shown
    assert "fenced" in shown
    assert ("worker=3" if log_format == "text" else '"worker": 3') in shown


@pytest.mark.parametrize("line", ["Fatal Python error: x", "[1, 2]", "{}", "{", ""])
def test_a_line_that_is_no_log_is_shown_as_it_is(line: str) -> None:
    """What an interpreter writes when it crashes is not lost, and does not stop the supervisor."""
    assert json.loads(relayed("json")(line, 1)) == {"level": "error", "event": line, "worker": 1}
    assert message_of(line) == (line or None)


def test_last_words_are_those_of_errors() -> None:
    """Only what tells of an error is repeated as the reason of a worker's end."""
    assert message_of('{"event": "stopped", "level": "info"}') is None
    assert message_of('{"event": "too many dead letters", "level": "error"}') == "too many dead letters"
