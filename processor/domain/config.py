"""What the folds may be told. Every limit that bounds a record's size follows from these few numbers."""

from dataclasses import dataclass, field

from schemas import COMPONENT_ID_MAX

__all__ = ["FoldConfig"]

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_YEAR_2000_US = 946_684_800 * _SECOND_US

_PAIR_BYTES = 2 * (COMPONENT_ID_MAX + 3)  # two long ids in ASCII, each with quotes and a comma
_SESSION_FRAME_BYTES = 128  # {"start":"...","end":"...","components":[...]}, with its comma
_LEDGER_FRAME_BYTES = 256  # {"v":1,"heard":"...","ring":"...","sessions":[...]}


@dataclass(frozen=True, slots=True)
class FoldConfig:
    """Settings of the folds; times in microseconds.

    Attributes:
        partitions: how many partitions the topics have; all have the same number.
        gap_us: two neighbouring failures further apart than this stand in two sessions.
        retention_us: a failure older than its host's newest by more than this is late.
        mass_failure_cap: a session with more distinct components says nothing about pairs; 0 turns it off.
        ring_size: how many event ids of a host are remembered.
        host_idle_us: a host not heard for longer than this is forgotten.
        skew_us: an event further ahead of its record's time than this gets the record's time.
        earliest_us: an event before this gets the record's time too.
        ledger_limit_bytes: a host's ledger value is never longer than this.
        hosts_max: how many hosts a partition remembers; events of others are dead letters; 0: any number.
        session_limit_bytes: the most bytes that one session's components take as JSON; beyond it is a mass
            failure. It depends on the settings alone, never on the host's other sessions, so that the order
            of arrival cannot change which session is one.
        correction_key: what control records are signed with; empty if the fleet has none.
        takes_unsigned: whether control records need no signature while there is no key.
        generation: which one folds; control records say which they are for.

    Raises:
        ValueError: a number is out of range, or the numbers together leave a session too little room.
    """

    partitions: int = 4
    gap_us: int = 60 * _SECOND_US
    retention_us: int = 3_600 * _SECOND_US
    mass_failure_cap: int = 50
    ring_size: int = 64
    host_idle_us: int = 30 * _DAY_US
    skew_us: int = 600 * _SECOND_US
    earliest_us: int = _YEAR_2000_US
    ledger_limit_bytes: int = 1_000_000
    hosts_max: int = 1_000_000
    session_limit_bytes: int = field(init=False)
    correction_key: bytes = field(default=b"", repr=False)
    takes_unsigned: bool = True
    generation: int = 1

    def __post_init__(self) -> None:
        """Refuse what the folds could not keep their promises with."""
        for name, least in (("partitions", 1), ("gap_us", 1), ("retention_us", 0), ("mass_failure_cap", 0),
                            ("ring_size", 1), ("host_idle_us", 1), ("skew_us", 0),
                            ("hosts_max", 0)):  # fmt: skip
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        object.__setattr__(self, "session_limit_bytes", self._session_limit_bytes())  # frozen
        if self.session_limit_bytes < _PAIR_BYTES:
            raise ValueError(
                f"a host can have {self.sessions_max} sessions within the retention: "
                f"beside {self.ring_size} event ids, a ledger of {self.ledger_limit_bytes} bytes "
                "has no room for two long component ids in each; "
                "shorten the retention, widen the gap or shrink the ring",
            )

    @property
    def sessions_max(self) -> int:
        """The most sessions that a ledger can hold.

        Sessions end more than a gap apart, and the first ended at most retention + gap before the last.
        """
        return self.retention_us // self.gap_us + 2

    def _session_limit_bytes(self) -> int:
        ring_bytes = -(-self.ring_size * 8 // 3) * 4
        room = self.ledger_limit_bytes - _LEDGER_FRAME_BYTES - ring_bytes
        return room // self.sessions_max - _SESSION_FRAME_BYTES
