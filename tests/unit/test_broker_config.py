"""The embedded broker's configuration: a pure function, and a file that Java reads back as written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.broker.config import Member, broker_properties, jvm_flags, render_properties

ONE = Member(1, 20_001, 20_002)
TWO = Member(2, 20_003, 20_004)
THREE = Member(3, 20_005, 20_006)
DATA = Path("somewhere") / "data"


def read_properties(text: str) -> dict[str, str]:
    """Read a properties file by the rules of java.util.Properties, as far as we write them."""
    found = {}
    for line in text.splitlines():
        units: list[int] = []
        key: str | None = None
        at = 0
        while at < len(line):
            character = line[at]
            if character == "\\":
                at += 1
                if line[at] == "u":
                    units.append(int(line[at + 1 : at + 5], 16))
                    at += 4
                else:
                    units.append(ord(line[at]))
            elif key is None and character in "=: ":
                key = text_of(units)
                units = []
            else:
                units.append(ord(character))
            at += 1
        assert key is not None
        found[key] = text_of(units)
    return found


def text_of(units: list[int]) -> str:
    """Join UTF-16 units."""
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "surrogatepass")


def test_one_node_keeps_one_copy_of_everything() -> None:
    """A broker alone must not wait for copies that nobody can hold."""
    properties = broker_properties(ONE, [ONE], DATA)
    assert properties["transaction.state.log.replication.factor"] == "1"
    assert properties["transaction.state.log.min.isr"] == "1"
    assert properties["min.insync.replicas"] == "1"
    assert properties["listeners"] == "CLIENT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"


def test_three_nodes_know_each_other_and_survive_one() -> None:
    """S11: three copies, two of them in step, and every node names the same voters."""
    nodes = [ONE, TWO, THREE]
    each = [broker_properties(node, nodes, DATA) for node in nodes]
    assert {properties["controller.quorum.voters"] for properties in each} == {
        "1@127.0.0.1:20002,2@127.0.0.1:20004,3@127.0.0.1:20006"
    }
    assert [properties["node.id"] for properties in each] == ["1", "2", "3"]
    assert each[0]["offsets.topic.replication.factor"] == "3"
    assert each[0]["transaction.state.log.min.isr"] == "2"


def test_a_node_must_be_one_of_the_members() -> None:
    """A node that its own voters do not know would wait for ever."""
    with pytest.raises(ValueError, match="node 2 is not among the members"):
        broker_properties(TWO, [ONE], DATA)


def test_topics_are_never_made_by_asking() -> None:
    """X11: a topic that someone merely asked for would have the wrong settings."""
    assert broker_properties(ONE, [ONE], DATA)["auto.create.topics.enable"] == "false"


def test_extra_properties_win() -> None:
    """A test can change a listener's security, and leave the ports to us."""
    extra = {"listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT"}
    properties = broker_properties(ONE, [ONE], DATA, extra)
    assert properties["listener.security.protocol.map"] == extra["listener.security.protocol.map"]
    assert properties["listeners"] == broker_properties(ONE, [ONE], DATA)["listeners"]


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_a_properties_file_is_read_back_as_written(properties: dict[str, str]) -> None:
    """X9: a folder's name or a password with any character reaches Kafka as it is."""
    text = render_properties(properties)
    assert text.isascii()
    assert read_properties(text) == properties


def test_a_small_heap_has_a_start_no_larger_than_its_limit() -> None:
    """A JVM refuses an initial heap above its largest."""
    assert {"-Xms32m", "-Xmx32m"} <= set(jvm_flags(32))
    assert {"-Xms64m", "-Xmx512m"} <= set(jvm_flags(512))
