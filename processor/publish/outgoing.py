"""Every context that an importer publishes passes through here, and nowhere else.

What a machine's logs say in free text may name people and places. This is the one seam where text is made
fit to leave the machine: control characters and colours of terminals go, then what names people, machines and
secrets (`redaction`), and the length is the topic's.
"""

import re
from functools import cache

from processor.publish.making import redactor_of_this_machine
from processor.publish.redaction import Redact

__all__ = ["outgoing_context"]

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def outgoing_context(text: str) -> str:
    """Return a context as it may leave the machine, at most as long as the topic takes."""
    return _redactor()(_CONTROLS.sub("", _ESCAPES.sub("", text)))


@cache
def _redactor() -> Redact:
    return redactor_of_this_machine()
