"""When dead letters are no longer single bad records but a bad deploy: pure counting, no I/O."""

__all__ = ["DeadLetterGauge"]


class DeadLetterGauge:
    """Watches the share of dead letters among consecutive records of one partition.

    Args:
        limit_share: more than this share is too many; 1.0 turns the limit off.
        window_records: how many consecutive records are judged together, at least.
    """

    def __init__(self, limit_share: float, window_records: int) -> None:
        self._limit_share = limit_share
        self._window_records = window_records
        self._records = 0
        self._dead = 0

    def add(self, records: int, dead: int) -> float | None:
        """Count a batch.

        Args:
            records: how many records it held.
            dead: how many of them are dead letters.

        Returns:
            The share (0.0 to 1.0) if a full window is over the limit, else None.
        """
        self._records += records
        self._dead += dead
        if self._records < self._window_records:
            return None
        share = self._dead / self._records
        self._records = self._dead = 0
        return share if share > self._limit_share else None
