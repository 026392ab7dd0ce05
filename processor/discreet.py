"""Keeps the Kafka client from logging how it proves who it is.

At DEBUG aiokafka logs each request whole, and with the mechanism PLAIN such a request is the password itself.
"""

import logging

__all__ = ["hide_proofs"]

_LOGGER = "aiokafka.conn"
_PROOFS = "SaslAuthenticate"


class _Discreet(logging.Filter):
    """Leaves of requests and answers that prove something only their names."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without proofs."""
        if isinstance(record.args, tuple):
            record.args = tuple(map(_harmless, record.args))
        return True


_FILTER = _Discreet()


def hide_proofs() -> None:
    """See to it that no handler of this process, ours or another's, is shown a proof; done once."""
    logging.getLogger(_LOGGER).addFilter(_FILTER)


def _harmless(argument: object) -> object:
    name = type(argument).__name__
    return f"{name}(hidden)" if name.startswith(_PROOFS) else argument
