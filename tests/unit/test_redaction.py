"""What leaves a machine in a context: the table's own examples, and laws over any text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.publish.redaction import RULES, Rule, redact, redactor
from schemas import CONTEXT_MAX
from schemas.limits import CONTEXT_CUT_MARK

EXAMPLES = [(rule, *example) for rule in RULES for example in rule.examples]
NASTY = ["a@", ":", "1.", "token", "user ", "-", "https://", "aA1", "/home/", "a.b@c.", "bearer ", "auth: "]


@pytest.mark.parametrize(
    ("rule", "before", "after"), EXAMPLES, ids=[f"{r.name}: {b[:20]!r}" for r, b, _ in EXAMPLES]
)
def test_examples_of_the_table(rule: Rule, before: str, after: str) -> None:
    """Each rule does what its examples say, with all rules on, and doing it twice changes nothing."""
    assert redact(before) == after, rule.name
    assert redact(after) == after


def test_every_rule_has_an_example_that_it_changes() -> None:
    """A rule without an example would be a rule that nobody has seen at work."""
    for rule in RULES:
        assert any(rule.pattern.search(before) for before, _ in rule.examples), rule.name
        for before, after in rule.examples:
            needed = not rule.needs or any(need in before.lower() for need in rule.needs)
            assert needed or before == after, f"{rule.name} is not tried on {before!r}"


def test_what_this_machine_is_called() -> None:
    """The user, the home folder and the host name of the machine go too, wherever they stand as words."""
    own = redactor("/srv/people/ann", "ann", "build-7.corp.example")
    text = "Ann on BUILD-7 (build-7.corp.example): cannot write /srv/people/ann/x, planner is busy"
    assert own(text) == "[user] on [host] ([host]): cannot write ~/x, planner is busy"
    assert redactor("/", "root", "localhost")("root / localhost") == "root / localhost"


@given(st.text(max_size=300))
def test_redacting_twice_changes_nothing(text: str) -> None:
    """What was redacted once passes a second publisher, such as the gateway, as it is."""
    once = redact(text)
    assert redact(once) == once


@given(
    st.sampled_from(["ann@mail.example", "10.20.30.40", "ghp_0123456789abcdef0123", "/home/ann/x"]),
    st.text(max_size=60),
)
def test_found_wherever_they_stand(secret: str, around: str) -> None:
    """Blanks around a secret are enough to know it, whatever else the text holds."""
    assert secret not in redact(f"{around} {secret} {around}")


@pytest.mark.parametrize(
    "length", [CONTEXT_MAX, CONTEXT_MAX + 1, 4 * CONTEXT_MAX, 4 * CONTEXT_MAX + 1, 1_000_000]
)
def test_long_contexts_are_cut(length: int) -> None:
    """X6: a context is at most as long as the topic takes, and ends in the mark if it was longer."""
    found = redact("x " * (length // 2) + "x" * (length % 2))
    assert len(found) == min(length, CONTEXT_MAX)
    assert found.endswith(CONTEXT_CUT_MARK) == (length > CONTEXT_MAX)


def test_half_a_secret_does_not_pass() -> None:
    """A token that the first cut would halve is left out with its word, for half of it has no shape."""
    home = "/home/ann/ " * 742  # 8,162 characters, which redaction shortens to less than the topic takes
    assert len(redact(home + "ghp_" + "a1B2" * 20)) <= CONTEXT_MAX
    assert "a1B2" not in redact(home + "ghp_" + "a1B2" * 20)


@pytest.mark.parametrize("piece", NASTY)
def test_no_text_takes_long(piece: str) -> None:
    """A hostile log line cannot stop an installer: CPU time stays far under a second."""
    begin_s = time.process_time()
    redact(piece * (100_000 // len(piece)))
    assert time.process_time() - begin_s < 1
