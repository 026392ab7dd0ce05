"""An expected failure is one clear line: what went wrong, where, and what would mend it.

Whatever ends a command on purpose is a `FleetfoldError`; the command line prints its text and exits
with its code. Anything else that reaches the top is a bug, and keeps its traceback.
"""

__all__ = ["FleetfoldError", "KafkaRefusedError", "KafkaUnavailableError", "SettingsError", "TopicsError"]


class FleetfoldError(Exception):
    """An expected failure; its text is for the person at the terminal."""

    exit_code = 2


class SettingsError(FleetfoldError):
    """A setting has a value that cannot work."""


class KafkaUnavailableError(FleetfoldError):
    """No broker answers, or the one that does turns us away."""


class KafkaRefusedError(KafkaUnavailableError):
    """The broker turns us away for who we are, or cannot prove who it is: trying again does not help."""


class TopicsError(FleetfoldError):
    """A topic is missing, has the wrong settings, or must not be touched by us."""
