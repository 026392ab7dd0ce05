"""What a topic accepts at most; the in-process tracker has none of these limits."""

__all__ = ["COMPONENT_ID_MAX", "CONTEXT_CUT_MARK", "CONTEXT_MAX", "HOST_ID_MAX", "cut_context"]

# All in characters (code points), as JSON Schema counts them, not in bytes.
COMPONENT_ID_MAX = 256
HOST_ID_MAX = 256
CONTEXT_MAX = 2_048

CONTEXT_CUT_MARK = "… [cut]"


def cut_context(context: str) -> str:
    """Return a context of at most `CONTEXT_MAX` characters; a longer one is cut and ends in the mark."""
    if len(context) <= CONTEXT_MAX:
        return context
    return context[: CONTEXT_MAX - len(CONTEXT_CUT_MARK)] + CONTEXT_CUT_MARK
